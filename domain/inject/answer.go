package inject

import "culvert/ports"

// tell queues an outcome for the one goroutine that answers. The caller holds mu.
func (i *injection) tell(o ports.Outcome, size int) {
	i.outcomes = append(i.outcomes, o)
	i.outcomesBytes += size
	if !i.answering {
		i.answering = true
		go i.deliver()
	}
}

// deliver gives the outcomes to the connection, all that there are at once, and ends when there are none. The next outcome starts another.
// A message leaves the window when its answer was given, so that a connection which does not read its answers fills it.
func (i *injection) deliver() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.outcomes) > 0 {
		outcomes, bytes := i.outcomes, i.outcomesBytes
		i.outcomes, i.outcomesBytes, i.spare = i.spare[:0], 0, nil
		i.mu.Unlock()
		if !i.over() {
			i.answer(outcomes)
		}
		count := len(outcomes)
		clear(outcomes)
		i.mu.Lock()
		i.spare = outcomes
		i.release(count, bytes)
	}
	i.answering = false
}

func (i *injection) over() bool {
	select {
	case <-i.ended:
		return true
	default:
		return false
	}
}

// release makes room in the window. The caller holds mu.
func (i *injection) release(count, bytes int) {
	i.unanswered -= count
	i.bytes -= bytes
	if i.unanswered == 0 {
		i.outcomes, i.spare = small(i.outcomes), small(i.spare)
		i.service.exit()
	}
	if i.waiting {
		i.waiting = false
		select {
		case i.changed <- struct{}{}:
		default: // the waiter left for another reason before it took the last one; that one will do
		}
	}
}

// small is the room that an idle connection keeps: none that a burst has made.
func small(outcomes []ports.Outcome) []ports.Outcome {
	const kept = 8
	if cap(outcomes) > kept {
		return nil
	}
	return outcomes
}
