package main

import (
	"testing"
	"time"
)

func TestAWorkerIsWatchedFromTheMomentItWorks(t *testing.T) {
	looks := make(chan struct{})
	watched := newGuard(func() { looks <- struct{}{} }, time.Hour)
	go watched.watch()
	<-looks // from here on it is at rest, for an hour
	_ = watched.during(func() error {
		for range 3 {
			<-looks
		}
		return nil
	})
}
