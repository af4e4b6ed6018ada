package node

import (
	"context"
	"log"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// handler brings one object to where it should be. It returns when to look again; 0 is never.
type handler interface {
	handle(ctx context.Context, key string) (time.Duration, error)
	name() string
}

// restorer is a handler that takes up what an earlier run decided, before anything new is handled.
type restorer interface {
	restore() error
}

// lane is a queue of keys of one kind; a key is handled by one worker at a time.
type lane struct {
	cache.ResourceEventHandler
	handler handler
	workers int
	queue   workqueue.TypedRateLimitingInterface[string]
}

func newLane(handler handler, workers int) *lane {
	l := &lane{
		handler: handler,
		workers: workers,
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
	l.ResourceEventHandler = cache.ResourceEventHandlerFuncs{
		AddFunc:    l.add,
		UpdateFunc: func(_, object any) { l.add(object) },
		DeleteFunc: l.add,
	}
	return l
}

func (l *lane) add(object any) {
	if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
		l.queue.Add(key)
	}
}

func (l *lane) run(ctx context.Context) {
	for range l.workers {
		go func() {
			for l.next(ctx) {
			}
		}()
	}
	go func() {
		<-ctx.Done()
		l.queue.ShutDown()
	}()
}

func (l *lane) next(ctx context.Context) bool {
	key, shutdown := l.queue.Get()
	if shutdown {
		return false
	}
	defer l.queue.Done(key)
	again, err := l.handler.handle(ctx, key)
	if err != nil && !apierrors.IsNotFound(err) {
		// A conflict only says that the cache is a moment behind.
		if !apierrors.IsConflict(err) && ctx.Err() == nil {
			log.Printf("simulated %s %s: %v", l.handler.name(), key, err)
		}
		l.queue.AddRateLimited(key)
		return true
	}
	l.queue.Forget(key)
	if again > 0 {
		l.queue.AddAfter(key, again)
	}
	return true
}
