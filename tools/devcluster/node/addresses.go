package node

import (
	"net/netip"
	"sync"
)

// addresses hands out each address of some ranges to one owner.
type addresses struct {
	mutex  sync.Mutex
	ranges []netip.Prefix
	next   netip.Addr
	owners map[netip.Addr]string
	owned  map[string]netip.Addr
}

func newAddresses(ranges ...string) *addresses {
	a := &addresses{owners: map[netip.Addr]string{}, owned: map[string]netip.Addr{}}
	for _, text := range ranges {
		a.ranges = append(a.ranges, netip.MustParsePrefix(text))
	}
	return a
}

// take returns the owner's address: the one it has, the one it wishes for if that is free, or the next
// free one. The empty string says that all are taken.
func (a *addresses) take(owner, wish string) string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if have, ok := a.owned[owner]; ok {
		return have.String()
	}
	if address, err := netip.ParseAddr(wish); err == nil && a.contains(address) && a.owners[address] == "" {
		return a.give(address, owner)
	}
	for _, prefix := range a.ranges {
		// Begin behind the last one given out: a released address is not taken again at once, so a
		// client with an old answer does not meet another object.
		first := prefix.Addr().Next()
		if prefix.Contains(a.next) {
			first = a.next
		}
		for address := first; prefix.Contains(address); address = address.Next() {
			if a.owners[address] == "" {
				a.next = address.Next()
				return a.give(address, owner)
			}
		}
	}
	return a.any(owner)
}

// any searches from the beginning, once the end of the last range was reached.
func (a *addresses) any(owner string) string {
	for _, prefix := range a.ranges {
		for address := prefix.Addr().Next(); prefix.Contains(address); address = address.Next() {
			if a.owners[address] == "" {
				return a.give(address, owner)
			}
		}
	}
	return ""
}

func (a *addresses) give(address netip.Addr, owner string) string {
	a.owners[address] = owner
	a.owned[owner] = address
	return address.String()
}

func (a *addresses) contains(address netip.Addr) bool {
	for _, prefix := range a.ranges {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

func (a *addresses) release(owner string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if address, ok := a.owned[owner]; ok {
		delete(a.owned, owner)
		delete(a.owners, address)
	}
}
