import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** A transactional producer that does what each line of its input says, and answers with a line. Its arguments are the cluster's addresses and a transactional id. */
class KafkaTransactions {
    public static void main(String[] args) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", args[0], "transactional.id", args[1]);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            System.out.println("ready");
            for (String line; (line = input.readLine()) != null; ) {
                String[] words = line.split("\t");
                String answer = "done";
                switch (words[0]) {
                    case "begin" -> producer.beginTransaction();
                    case "commit" -> producer.commitTransaction();
                    case "abort" -> producer.abortTransaction();
                    case "send" -> {
                        var record = new ProducerRecord<>(words[1], Integer.valueOf(words[2]), words[3], words[4]);
                        answer = Long.toString(producer.send(record).get(20, TimeUnit.SECONDS).offset());
                    }
                    default -> throw new IllegalArgumentException(line);
                }
                System.out.println(answer);
            }
        }
    }
}
