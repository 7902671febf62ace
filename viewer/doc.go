// Package viewer holds the Fyne widgets that show slices and the worksheet.
// They translate mouse and keys into events in patient millimetres and draw
// with viewer/render; they decide nothing and own no study.
package viewer
