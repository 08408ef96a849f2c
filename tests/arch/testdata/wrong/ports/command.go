package ports

import _ "culvert/cmd/culvert"
