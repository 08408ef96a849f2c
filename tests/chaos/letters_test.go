package chaos

import (
	"context"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// letters are the dead letters of the queue.
func (l *load) letters() (all []oracle.Note) {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	letters, err := client.OpenSSE(ctx, l.url()+"/v1/topics/"+deadLetters(l.name)+"/events?from=earliest&to=latest", "")
	if err != nil {
		l.Errorf("the dead letters: %v", err)
		return nil
	}
	defer letters.Close()
	for {
		e, err := letters.Next()
		switch {
		case err != nil:
			l.Errorf("the dead letters: %v", err)
			return all
		case e.Type == "bye":
			return all
		case e.Type == "message":
			n, err := oracle.ParseNote(e.Data)
			if err != nil {
				l.Errorf("a dead letter: %v", err)
				continue
			}
			all = append(all, n)
		}
	}
}
