package bench

import "context"

// Work is what contenders do in turn.
type Work struct {
	Name string
	// Long is whether only a long run has it.
	Long bool
	// Rounds is how many each contender has; 0: as many as the run has.
	Rounds int
	// Yardstick names the contender beside whom the others are seen. Empty: there is none, and targets are absolute.
	Yardstick string
	Figures   []Figure
	Targets   []Target
	// Open prepares the contenders. What they need ends with the stage.
	Open func(ctx context.Context, s *Stage) ([]Contender, error)
}

// Figure is what is measured.
type Figure struct {
	Name string
	Unit string
}

// Contender is one that does the work.
type Contender struct {
	Name string
	// Round does the work once. It is an error when what was delivered was wrong.
	Round func(ctx context.Context) (Values, error)
}

// Values are what one round gave, by the names of figures. What a figure is not measured for is left out.
type Values map[string]float64

// Target is what the median of a contender's figure shall be.
type Target struct {
	Contender string
	Figure    string
	// Most and Least bound it: as multiples of Of's median, or by themselves where Of is empty. The one that is 0 is no bound.
	Most, Least float64
	Of          string
	// Within is how far beyond Most it may be all the same, in the figure's unit.
	Within float64
}
