package bench

import "slices"

// Works are all that there are, in the order of the table.
func Works() []Work {
	return slices.Concat(
		fanOuts(),
		paces(),
		growths(),
		keyed(),
		idle(),
		roundTrips(),
		injections(),
		replayWorks(),
		queueWorks(),
		steady(),
	)
}
