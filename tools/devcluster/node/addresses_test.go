package node

import "testing"

func TestEachOwnerHasOneAddress(t *testing.T) {
	pool := newAddresses("203.0.113.0/29")
	if first, again := pool.take("a", ""), pool.take("a", ""); first != "203.0.113.1" || first != again {
		t.Errorf("expected the same address twice: %s, %s", first, again)
	}
	if other := pool.take("b", ""); other != "203.0.113.2" {
		t.Errorf("expected the next address: %s", other)
	}
}

func TestAWishIsGrantedIfFree(t *testing.T) {
	pool := newAddresses("203.0.113.0/29")
	if got := pool.take("a", "203.0.113.5"); got != "203.0.113.5" {
		t.Errorf("expected the wish: %s", got)
	}
	if got := pool.take("b", "203.0.113.5"); got == "203.0.113.5" {
		t.Error("the address was given out twice")
	}
	if got := pool.take("c", "192.0.2.1"); got == "192.0.2.1" {
		t.Error("an address outside the ranges was given out")
	}
}

func TestAllAddressesAreUsedBeforeItIsFull(t *testing.T) {
	pool := newAddresses("203.0.113.0/30", "198.51.100.0/30")
	seen := map[string]bool{}
	for _, owner := range []string{"a", "b", "c", "d", "e", "f"} {
		seen[pool.take(owner, "")] = true
	}
	if len(seen) != 6 || seen[""] {
		t.Fatalf("expected six addresses: %v", seen)
	}
	if got := pool.take("g", ""); got != "" {
		t.Errorf("expected none to be left: %s", got)
	}
}

func TestAReleasedAddressIsTakenAgainLast(t *testing.T) {
	pool := newAddresses("203.0.113.0/30")
	first := pool.take("a", "")
	pool.release("a")
	if next := pool.take("b", ""); next == first {
		t.Errorf("%s was taken again while others were free", first)
	}
	pool.take("c", "")
	if last := pool.take("d", ""); last != first {
		t.Errorf("expected %s to be taken again: %q", first, last)
	}
}
