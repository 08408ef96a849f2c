package chaos

// clientRows are about what clients do to a bridge.
func clientRows() []row {
	return []row{
		{name: "5,000 viewers cut off at once, and back within a second", on: everywhere, alone: storm, thousands: true},
	}
}
