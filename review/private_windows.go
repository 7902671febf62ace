package review

import "io/fs"

// private reports a regular file: Windows keeps a user's folder from other users by
// its own lists, which the mode does not show.
func private(info fs.FileInfo) bool { return info.Mode().IsRegular() }
