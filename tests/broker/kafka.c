/* kafka: a broker for the rows of v11_log: the one that librdkafka has for its
 * own tests. It speaks Kafka's protocol, and keeps its log in memory. Its first
 * line says where it listens; then it obeys "down", which cuts everybody off as
 * a crash does, and "up", each with a line of its own. It ends with its input.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char line[64], why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_mock_cluster_t *cluster = NULL;
    rd_kafka_t *rk;

    rd_kafka_conf_set_log_cb(conf, NULL);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk != NULL)
        cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (cluster == NULL)
        return 1;
    printf("listening on %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "down\n") == 0)
            rd_kafka_mock_broker_set_down(cluster, 1);
        else if (strcmp(line, "up\n") == 0)
            rd_kafka_mock_broker_set_up(cluster, 1);
        printf("%s", line);
        fflush(stdout);
    }
    return 0; /* it is the end of everything, in whatever order */
}
