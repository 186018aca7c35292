package dev.layermesh.cli.options;

import dev.layermesh.mesh.membership.MeshOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The mesh to join and the addresses at which to look for it. */
public final class ClusterMixin {

  @Option(names = "--cluster", paramLabel = "NAME",
      description = "Nodes of one name find each other (default: " + MeshOptions.DEFAULT_CLUSTER + ").")
  private String cluster;

  @Option(names = "--bind", paramLabel = "ADDR",
      description = "The address of this machine that other nodes reach (default: " + MeshOptions.DEFAULT_BIND + ").")
  private String bind;

  @Option(names = "--peers", paramLabel = "HOST[:PORT]", split = ",",
      description = "Where other nodes may be (default: ports 5701-5720 of the bind address).")
  private List<String> peers;

  /** The options, with defaults for what was not given. */
  public MeshOptions options() {
    return options(MeshOptions.DEFAULT_CLUSTER);
  }

  /** The options of a mesh that has another name unless one was given. */
  public MeshOptions options(String defaultCluster) {
    return MeshOptions.defaults()
        .withCluster(Optional.ofNullable(cluster).orElse(defaultCluster))
        .withBind(Optional.ofNullable(bind).orElse(MeshOptions.DEFAULT_BIND))
        .withPeers(Optional.ofNullable(peers).orElse(List.of()));
  }

  /** The options that were given, as arguments for another process. */
  public List<String> arguments() {
    var arguments = new ArrayList<String>();
    Optional.ofNullable(cluster).ifPresent(name -> arguments.add("--cluster=" + name));
    Optional.ofNullable(bind).ifPresent(address -> arguments.add("--bind=" + address));
    Optional.ofNullable(peers).ifPresent(list -> arguments.add("--peers=" + String.join(",", list)));
    return arguments;
  }
}
