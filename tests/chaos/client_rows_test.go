package chaos

// clientRows are about what clients do to a bridge.
func clientRows() []row {
	return []row{
		{name: "clients cut off in the midst of a frame", on: everywhere, disturb: clientsCut, soak: true},
		{name: "half of all clients killed, again and again", on: everywhere, env: []string{"CULVERT_QUEUE_LEASE=1m"}, alone: clientsKilled},
		{name: "clients that stop reading", on: everywhere, env: stallEnv(), disturb: clientsStall},
		{name: "5,000 viewers cut off at once, and back within a second", on: everywhere, env: []string{"CULVERT_INJECT_TIMEOUT=30s"}, alone: storm, thousands: true},
	}
}
