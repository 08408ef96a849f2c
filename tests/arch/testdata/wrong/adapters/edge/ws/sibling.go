package ws

import (
	_ "culvert/adapters/edge"
	_ "culvert/adapters/edge/sse"
)
