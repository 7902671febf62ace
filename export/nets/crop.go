package nets

// Cropper is a segmentation network that can be built for crops of its grid: the
// same weights serve any size, and a crop costs a fraction of a training step.
type Cropper interface {
	Net
	// Crop is the network for crops of a size D, H, W; its weights are those of
	// the whole.
	Crop(size [3]int) (Net, error)
}

// Crop is the network for crops of a size D, H, W; its weights are those of the
// whole.
func (n *GFSSNet) Crop(size [3]int) (Net, error) {
	cfg := n.cfg
	if cfg.Whole == [3]int{} {
		cfg.Whole = cfg.Size
	}
	cfg.Size = size
	return NewGFSSNet(cfg)
}
