package main

// explain counts duplicates. Each must be the fault of one of the processes
// that sent the delivery, of each no more than it had in flight when it was
// killed or had lost its lease. Which one's it is cannot be seen: any assignment
// will do.
func (e *evidence) explain(v *verdict, accepted map[[2]string][]*request) {
	b := blame{limits: e.exposed, of: map[string][][]string{}}
	for at, rs := range accepted {
		v.Duplicates += len(rs) - 1
		var suspects []string
		for _, r := range rs {
			suspects = append(suspects, r.process)
		}
		for range len(rs) - 1 {
			if !b.assign(suspects, map[string]bool{}) {
				v.fault("%s was delivered %d times to %s, and no process that died or lost its lease explains it: %v", at[1], len(rs), at[0], suspects)
				break
			}
		}
	}
}

// blame says whose fault duplicates are. It is a matching with capacities.
type blame struct {
	limits map[string]int
	of     map[string][][]string // the suspects of each duplicate that a process is blamed for
}

// assign blames one of the suspects, if need be by blaming others for what it
// was blamed for before.
func (b *blame) assign(suspects []string, asked map[string]bool) bool {
	for _, p := range suspects {
		if asked[p] {
			continue
		}
		asked[p] = true
		if len(b.of[p]) < b.limits[p] {
			b.of[p] = append(b.of[p], suspects)
			return true
		}
		for i, others := range b.of[p] {
			if b.assign(others, asked) {
				b.of[p][i] = suspects
				return true
			}
		}
	}
	return false
}
