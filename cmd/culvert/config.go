package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culvert/app"
)

func config() *cobra.Command {
	var s settings
	c := &cobra.Command{Use: "config", GroupID: groupBridge, Short: "Look at the configuration: file < environment < flags", Args: knownCommand, RunE: help}
	s.register(c)
	c.AddCommand(
		&cobra.Command{
			Use: "print", Short: "Print what counts, every key with its value; secrets are hidden", Args: none,
			RunE: func(c *cobra.Command, _ []string) error {
				cfg, err := s.load()
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(c.OutOrStdout(), app.Print(cfg))
				return err
			},
		},
		&cobra.Command{
			Use: "check", Short: "Say whether the configuration is right, and if not, what is wrong", Args: none,
			RunE: func(c *cobra.Command, _ []string) error {
				if _, err := s.load(); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.OutOrStdout(), "the configuration is right")
				return err
			},
		},
	)
	return c
}
