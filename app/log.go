package app

import (
	"io"
	"log/slog"
)

const (
	formatAuto = "auto"
	formatText = "text"
	formatJSON = "json"
)

// Text reports whether the log is for people's eyes. terminal says whether it goes to a terminal.
func (l Log) Text(terminal bool) bool {
	return l.Format == formatText || l.Format == formatAuto && terminal
}

// NewLogger makes the logger that a valid l describes, writing to w.
func NewLogger(l Log, w io.Writer, terminal bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Text(terminal) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
