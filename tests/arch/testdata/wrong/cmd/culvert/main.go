package main

import (
	_ "culvert/app"
	_ "culvert/domain"
)
