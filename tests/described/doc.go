// Package described holds bridges to their descriptions, openapi.yaml and asyncapi.yaml: what clients of tests are answered, event by event and frame by frame, must be as these say, and nothing that is
// not in them. Servers may add fields, but ours adds none that it does not describe.
package described
