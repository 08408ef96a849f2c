package chaos

func resourceRows() []row { return nil }
