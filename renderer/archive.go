package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"strings"
)

// Limits of an artifact, the same that its packer keeps.
const (
	maxPacked   = 64 << 20
	maxUnpacked = 128 << 20
	maxFile     = 16 << 20
	maxFiles    = 50_000
	maxDepth    = 50
	maxRatio    = 200
	// ratioFloor: tar pads small files with zeros, which compress to nothing and harm nobody.
	ratioFloor = 4 << 20
)

// counted counts what passes and ends the stream at a limit.
type counted struct {
	in    io.Reader
	count int64
	check func(count int64) error
}

func (c *counted) Read(buffer []byte) (int, error) {
	n, err := c.in.Read(buffer)
	c.count += int64(n)
	if refusal := c.check(c.count); refusal != nil {
		return n, refusal
	}
	return n, err
}

// unpack reads a tar.gz of the given length and returns its tree if its digest is the given one.
func unpack(in io.Reader, length int64, digest string) (*tree, error) {
	if length > maxPacked {
		return nil, failf(kindLimit, "artifact %s has %d bytes packed, the limit is %d", digest, length, maxPacked)
	}
	sum := sha256.New()
	packed := io.TeeReader(in, sum)
	built, unpackErr := unpackStream(packed, length)
	// The digest speaks about every byte, also those behind the end of the archive.
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return nil, err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != digest {
		return nil, failf(kindRefused, "artifact %s arrived with digest %s: fetch it again", digest, got)
	}
	if unpackErr != nil {
		return nil, unpackErr
	}
	return built, nil
}

func unpackStream(packed io.Reader, length int64) (*tree, error) {
	zipped, err := gzip.NewReader(packed)
	if err != nil {
		return nil, failf(kindParse, "artifact is not gzip: %s", err)
	}
	plain := &counted{in: zipped, check: func(count int64) error {
		if count > maxUnpacked {
			return failf(kindLimit, "artifact unpacks to more than %d bytes", maxUnpacked)
		}
		if count > ratioFloor && count > maxRatio*length {
			return failf(kindLimit, "artifact unpacks to more than %d times its size", maxRatio)
		}
		return nil
	}}
	built := newTree()
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, asFailure(kindParse, err)
		}
		if err := addEntry(built, header, archive); err != nil {
			return nil, err
		}
	}
	return built, built.seal()
}

func addEntry(built *tree, header *tar.Header, content io.Reader) error {
	name, err := entryName(header.Name)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return nil
	case tar.TypeReg:
		if len(built.files)+len(built.links) >= maxFiles {
			return failf(kindLimit, "artifact has more than %d files", maxFiles)
		}
		if header.Size > maxFile {
			return failf(kindLimit, "file %s has %d bytes, the limit is %d", name, header.Size, maxFile)
		}
		data := make([]byte, header.Size)
		if _, err := io.ReadFull(content, data); err != nil {
			return asFailure(kindParse, err)
		}
		built.files[name] = data
		built.size += header.Size
		return nil
	case tar.TypeSymlink:
		if len(built.files)+len(built.links) >= maxFiles {
			return failf(kindLimit, "artifact has more than %d files", maxFiles)
		}
		target, err := linkTarget(name, header.Linkname)
		if err != nil {
			return err
		}
		built.links[name] = target
		return nil
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return failf(kindRefused, "artifact entry %s is neither file, directory nor symbolic link", name)
	}
}

func entryName(raw string) (string, error) {
	if strings.HasPrefix(raw, "/") || strings.ContainsRune(raw, 0) {
		return "", failf(kindRefused, "artifact entry %q is not a relative path", raw)
	}
	for _, part := range strings.Split(raw, "/") {
		if part == ".." {
			return "", failf(kindRefused, "artifact entry %q leaves the tree", raw)
		}
	}
	name := path.Clean(raw)
	if strings.Count(name, "/") >= maxDepth {
		return "", failf(kindLimit, "artifact entry %q is nested deeper than %d", raw, maxDepth)
	}
	return name, nil
}

func linkTarget(name, link string) (string, error) {
	target := path.Join(path.Dir(name), link)
	if strings.HasPrefix(link, "/") || target == ".." || strings.HasPrefix(target, "../") {
		return "", failf(kindRefused, "link %s points out of the tree: replace it by the file", name)
	}
	return target, nil
}
