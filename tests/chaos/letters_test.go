package chaos

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// letters are all dead letters of the queue. A reading that breaks off says nothing of how many there are: it is begun anew.
func (l *load) letters() (all []oracle.Note) {
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var err error
	if !l.until(recovery, func() bool {
		all, err = l.lettersNow(ctx)
		return err == nil
	}) {
		l.Errorf("the dead letters: %v", err)
	}
	return all
}

// lettersNow reads the dead letters once. An error says that they are not all.
func (l *load) lettersNow(ctx context.Context) (all []oracle.Note, err error) {
	letters, err := client.OpenSSE(ctx, l.url()+"/v1/topics/"+deadLetters(l.name)+"/events?from=earliest&to=latest", "")
	if err != nil {
		return nil, err
	}
	defer letters.Close()
	for {
		e, err := letters.Next()
		switch {
		case err != nil:
			return nil, err
		case e.Type == "bye":
			return all, ended(e.Data)
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

// ended is nil where a bye says that all that was asked for has come. Any other sends a reader away in the midst of it, as while the broker cannot be reached.
func ended(bye string) error {
	var f client.Frame
	if err := json.Unmarshal([]byte(bye), &f); err != nil {
		return err
	}
	if f.Reason != "end" {
		return fmt.Errorf("the bridge said bye before the end: %s", bye)
	}
	return nil
}
