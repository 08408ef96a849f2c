package domain

import "time"

func sleep() { time.Sleep(time.Second) }
