// Package brokers gives tests, and people who want to play, a real broker.
//
// A test asks for one by name (Kafka, RabbitMQ) and gets, in this order: the one whose address stands in the environment, be it a team's own or the
// one that the run command started for the whole test run; else one started for this test binary, which ends with it.
// Where none can be had the test is skipped with the one command that mends it; with CI=true or CULVERT_TEST_STRICT=1 it fails instead.
//
// Clients that are not ours are had in the same way: those of brokers (Apache's tools, Pika), and programs in Node and Python with packages of npm and PyPI, pinned here (Node, Python). So are an nginx to put before bridges (StartNginx), and a Chromium (Chromium).
//
// Topics are named apart (Topic), so that all tests of a run share one broker. A test that kills its broker starts one of its own (StartKafka, StartRabbitMQ).
// Only processes that were started here are ever ended here, and they end with the process that started them, however that one ends.
//
// A further broker is a few files beside these and a line in Kinds.
package brokers
