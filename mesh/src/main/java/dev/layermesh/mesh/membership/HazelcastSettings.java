package dev.layermesh.mesh.membership;

import com.hazelcast.config.AdvancedNetworkConfig;
import com.hazelcast.config.Config;
import com.hazelcast.config.JavaSerializationFilterConfig;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.MapConfig;
import com.hazelcast.config.MultiMapConfig;
import com.hazelcast.config.ServerSocketEndpointConfig;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.List;

/** The mesh's settings of Hazelcast: members are found by address, failures are seen quickly, only members connect. */
final class HazelcastSettings {
  /** An entry survives the loss of two members at once. */
  private static final int BACKUPS = 2;

  private HazelcastSettings() {}

  /**
   * @param candidates  where the others may be, {@code HOST:PORT} each
   * @param joinSeconds joining fails after this time
   */
  static Config of(MeshOptions options, InetAddress bind, List<String> candidates, long joinSeconds) {
    Config config = new Config().setClusterName(options.cluster());
    config.getJetConfig().setEnabled(false);
    config.getMetricsConfig().setEnabled(false);
    setProperties(config, bind);
    config.setProperty("hazelcast.max.join.seconds", String.valueOf(joinSeconds));
    setNetwork(config.getAdvancedNetworkConfig(), options.ports(), bind, candidates);
    setMaps(config);
    // Values are strings and Vert.x's own DataSerializables; Java serialization is left to Hazelcast's exceptions.
    config.getSerializationConfig().setJavaSerializationFilterConfig(new JavaSerializationFilterConfig());
    return config;
  }

  private static void setProperties(Config config, InetAddress bind) {
    config
        .setProperty("hazelcast.logging.type", "slf4j")
        .setProperty("hazelcast.phone.home.enabled", "false")
        .setProperty("hazelcast.shutdownhook.enabled", "false")
        .setProperty("hazelcast.socket.bind.any", "false")
        .setProperty("hazelcast.prefer.ipv4.stack", String.valueOf(!(bind instanceof Inet6Address)))
        // A joining node is admitted at once instead of waiting for a crowd.
        .setProperty("hazelcast.wait.seconds.before.join", "0")
        // A hung member is gone after 10 s; with 5 s a stopped master took a healthy member with it.
        .setProperty("hazelcast.heartbeat.interval.seconds", "1")
        .setProperty("hazelcast.max.no.heartbeat.seconds", "10")
        // A killed member is gone in less than a second.
        .setProperty("hazelcast.connection.monitor.interval", "100")
        .setProperty("hazelcast.connection.monitor.max.faults", "2")
        .setProperty("hazelcast.mastership.claim.timeout.seconds", "20")
        .setProperty("hazelcast.merge.first.run.delay.seconds", "15")
        .setProperty("hazelcast.merge.next.run.delay.seconds", "15")
        .setProperty("hazelcast.operation.call.timeout.millis", "10000")
        .setProperty("hazelcast.graceful.shutdown.max.wait", "5")
        // The map holds a few entries: the threads are for the engine.
        .setProperty("hazelcast.operation.thread.count", "2")
        .setProperty("hazelcast.io.thread.count", "1");
  }

  /** Only the member protocol is served: no clients, no REST, no memcache. */
  private static void setNetwork(
      AdvancedNetworkConfig network, PortRange ports, InetAddress bind, List<String> candidates) {
    ServerSocketEndpointConfig endpoint = new ServerSocketEndpointConfig()
        .setPort(ports.first())
        .setPortCount(ports.size())
        .setPortAutoIncrement(true)
        .setReuseAddress(true);
    endpoint.getInterfaces().setEnabled(true).addInterface(bind.getHostAddress());
    JoinConfig join = new JoinConfig();
    join.getMulticastConfig().setEnabled(false);
    join.getAutoDetectionConfig().setEnabled(false);
    join.getTcpIpConfig().setEnabled(true).setConnectionTimeoutSeconds(2).setMembers(candidates);
    network.setEnabled(true).setMemberEndpointConfig(endpoint).setJoin(join);
  }

  private static void setMaps(Config config) {
    config.addMultiMapConfig(new MultiMapConfig("__vertx.subs")
        .setBackupCount(BACKUPS)
        .setValueCollectionType(MultiMapConfig.ValueCollectionType.SET));
    config.addMapConfig(new MapConfig("__vertx.nodeInfo").setBackupCount(BACKUPS));
    config.addMapConfig(new MapConfig("layermesh.*").setBackupCount(BACKUPS));
  }
}
