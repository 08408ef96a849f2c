package inject

import (
	_ "culvert/ports"
	_ "github.com/ThreeDotsLabs/watermill/message"
)
