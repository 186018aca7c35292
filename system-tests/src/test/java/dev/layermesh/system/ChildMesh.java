package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.testkit.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A mesh of processes, and this JVM's view of its workers. A test reads from a worker's ad whether sessions are left in
 * it. One thread may use it.
 */
final class ChildMesh implements AutoCloseable {
  private static final Duration JOINING = Duration.ofSeconds(60);
  private static final Pattern WORKER_READY = Pattern.compile("worker ready: ");
  private static final Pattern GATEWAY_READY = Pattern.compile("gateway ready: (http://\\S+), cluster ");

  private final String cluster = "processes-" + UUID.randomUUID();
  private final Map<String, String> environment;
  private final Path folder;
  private final ClusterNode observer;
  private final Map<Role, List<Worker>> workers = new HashMap<>();
  private final List<ChildProcess> children = new ArrayList<>();

  /** A worker process and the id it has in the mesh. */
  record Worker(String id, ChildProcess process) {}

  /** A gateway process and a client of it. */
  record Front(ChildProcess process, GatewayClient client) {}

  /**
   * A mesh without processes yet.
   *
   * @param environment variables of all its processes
   */
  ChildMesh(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
    try {
      this.folder = Files.createTempDirectory("layermesh-processes-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.observer = ClusterNode.join(MeshOptions.defaults().withCluster(cluster));
    for (Role role : Role.values()) {
      workers.put(role, new ArrayList<>());
    }
  }

  /** Starts a command of this mesh and does not wait. */
  ChildProcess start(String command, String... options) {
    var arguments = new ArrayList<>(List.of(command, "--cluster", cluster));
    arguments.addAll(List.of(options));
    return track(ChildProcess.start(folder, environment, arguments));
  }

  /** Runs a command that joins no mesh and does not wait. */
  ChildProcess run(String... arguments) {
    return track(ChildProcess.start(folder, environment, List.of(arguments)));
  }

  private ChildProcess track(ChildProcess child) {
    children.add(child);
    return child;
  }

  /** Starts a gateway and waits until clients can connect. */
  Front gateway(String... options) {
    var arguments = new ArrayList<>(List.of("--port", "0"));
    arguments.addAll(List.of(options));
    ChildProcess process = start("gateway", arguments.toArray(String[]::new));
    return new Front(process, new GatewayClient(process.awaitOut(GATEWAY_READY).group(1)));
  }

  /** Starts a worker and waits until the mesh knows it. */
  Worker worker(Role role, String... options) {
    return joined(role, start(command(role), options));
  }

  /** Waits until the mesh knows a worker that was started. */
  Worker joined(Role role, ChildProcess process) {
    process.awaitOut(WORKER_READY);
    List<String> known = workers.get(role).stream().map(Worker::id).toList();
    try {
      Await.until("the mesh knows another " + role + " worker", JOINING,
          () -> ids(role).anyMatch(id -> !known.contains(id)));
    } catch (AssertionError late) {
      throw new AssertionError(late.getMessage() + described(), late);
    }
    var worker = new Worker(ids(role).filter(id -> !known.contains(id)).findFirst().orElseThrow(), process);
    workers.get(role).add(worker);
    return worker;
  }

  /** Workers of a role that were started here and not ended. */
  List<Worker> workers(Role role) {
    workers.get(role).removeIf(worker -> !worker.process().isAlive());
    return List.copyOf(workers.get(role));
  }

  /** Ends workers as a supervisor does, all at once, checks how, and waits until the mesh has forgotten them. */
  void end(Worker... ending) {
    List.of(ending).forEach(worker -> worker.process().terminate());
    for (Worker worker : ending) {
      assertEnded(worker.process());
      awaitGone(worker);
    }
  }

  /** Waits until the mesh has forgotten a worker that was killed. */
  void awaitGone(Worker worker) {
    Await.until("the mesh forgets " + worker.id(), JOINING,
        () -> !ids().contains(worker.id()));
  }

  /** A process that was asked to end exited with 0 and printed no error. */
  static void assertEnded(ChildProcess process) {
    ChildProcess.Result result = process.result();
    assertThat(result.status()).as(process::described).isZero();
    assertThat(result.err()).as(process::described).isEmpty();
  }

  /** Ids of all workers that the mesh knows. */
  List<String> ids() {
    return ads().map(WorkerAd::id).toList();
  }

  /** Sessions in all workers, by their ads. */
  int sessions() {
    return ads().mapToInt(WorkerAd::sessions).sum();
  }

  /** Sessions in one worker, by its ad; 0 if the mesh does not know it. */
  int sessions(Worker worker) {
    return ads().filter(ad -> ad.id().equals(worker.id())).mapToInt(WorkerAd::sessions).sum();
  }

  private Stream<WorkerAd> ads() {
    return Stream.of(Role.values()).flatMap(role -> observer.registry().live(role).stream());
  }

  private Stream<String> ids(Role role) {
    return observer.registry().live(role).stream().map(WorkerAd::id);
  }

  private static String command(Role role) {
    return role.name().toLowerCase(Locale.ROOT);
  }

  /** The output of all processes, for the message of a failed test. */
  String described() {
    var text = new StringBuilder();
    children.forEach(child -> text.append(child.described()));
    return text.toString();
  }

  @Override
  public void close() {
    children.forEach(ChildProcess::close);
    observer.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
