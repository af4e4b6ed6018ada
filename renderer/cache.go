package main

// maxCached bounds the artifacts that one worker keeps, in unpacked bytes.
const maxCached = 96 << 20

// cache keeps the artifacts that were used last.
type cache struct {
	trees map[string]*tree
	order []string // least recently used first
	size  int64
}

func newCache() *cache { return &cache{trees: map[string]*tree{}} }

func (c *cache) get(digest string) *tree {
	held := c.trees[digest]
	if held != nil {
		c.forgetOrder(digest)
		c.order = append(c.order, digest)
	}
	return held
}

// put keeps a tree, however large, and lets go of the oldest ones until the rest fits.
func (c *cache) put(digest string, added *tree) {
	if c.trees[digest] != nil {
		return
	}
	c.shrink(maxCached - added.size)
	c.trees[digest] = added
	c.order = append(c.order, digest)
	c.size += added.size
}

// shrink drops the least recently used artifacts until at most `bytes` are kept.
func (c *cache) shrink(bytes int64) {
	for len(c.order) > 0 && c.size > bytes {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.size -= c.trees[oldest].size
		delete(c.trees, oldest)
	}
}

func (c *cache) forgetOrder(digest string) {
	for index, known := range c.order {
		if known == digest {
			c.order = append(c.order[:index], c.order[index+1:]...)
			return
		}
	}
}
