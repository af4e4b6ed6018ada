package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// protocolVersion changes with every change of a frame's meaning.
	protocolVersion = 1
	// maxHeader bounds a JSON header: an overlay with patches fits into an object of 1.5 MiB.
	maxHeader = 8 << 20
)

// request is the header of every question.
type request struct {
	ID         uint64            `json:"id"`
	Op         string            `json:"op"`
	Digest     string            `json:"digest"`
	Path       string            `json:"path"`
	Overlay    overlay           `json:"overlay"`
	Variables  map[string]string `json:"variables"`
	Substitute bool              `json:"substitute"`
	Strategy   string            `json:"strategy"`
	Strict     bool              `json:"strict"`
}

// answer is the header of every answer; a frame with the result follows where Frames is 1.
type answer struct {
	ID      uint64 `json:"id"`
	Status  string `json:"status"`
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message,omitempty"`
	Frames  int    `json:"frames"`
}

// hello is the first frame that the worker sends.
type hello struct {
	Protocol  int    `json:"protocol"`
	Program   string `json:"program"`
	Version   string `json:"version"`
	Kustomize string `json:"kustomize"`
}

func readLength(in io.Reader) (uint32, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(in, prefix[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(prefix[:]), nil
}

func readRequest(in *bufio.Reader) (*request, error) {
	length, err := readLength(in)
	if err != nil {
		return nil, err
	}
	if length > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, expected at most %d", length, maxHeader)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, fmt.Errorf("header cut short: %w", err)
	}
	asked := &request{}
	if err := json.Unmarshal(payload, asked); err != nil {
		return nil, fmt.Errorf("header is no JSON object of this protocol: %w", err)
	}
	return asked, nil
}

func writeFrame(out *bufio.Writer, payload []byte) error {
	var prefix [4]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(len(payload)))
	if _, err := out.Write(prefix[:]); err != nil {
		return err
	}
	_, err := out.Write(payload)
	return err
}

func writeAnswer(out *bufio.Writer, said answer, result []byte) error {
	if result != nil {
		said.Frames = 1
	}
	header, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if err := writeFrame(out, header); err != nil {
		return err
	}
	if result != nil {
		if err := writeFrame(out, result); err != nil {
			return err
		}
	}
	return out.Flush()
}
