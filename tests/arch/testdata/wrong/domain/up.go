package domain

import (
	_ "context"
	_ "culvert/ports"
)
