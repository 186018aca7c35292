package dev.layermesh.system;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.transport.EventBusFrameBus;
import dev.layermesh.mesh.transport.RemoteSessions;
import dev.layermesh.mesh.transport.TransportNode;
import dev.layermesh.testkit.Await;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** A gateway without HTTP: places sessions on draft workers and takes their tokens. */
final class Gateway implements AutoCloseable {
  /** More than any session of these tests commits. */
  static final int UNLIMITED = 1_000_000;

  private static final Duration JOINING = Duration.ofSeconds(15);
  private static final Duration DECODING = Duration.ofSeconds(60);

  private final ClusterNode node;
  private final Placement placement;
  private final RemoteSessions sessions;

  Gateway(ClusterNode node) {
    this.node = node;
    this.placement = new Placement(node.registry(), new Random());
    this.sessions = new RemoteSessions(new TransportNode(
        new EventBusFrameBus(node.node().vertx()), "gateway-" + UUID.randomUUID(), node.registry()));
    sessions.ready().toCompletableFuture().join();
  }

  /** Waits until it sees so many workers, no more and no fewer. */
  void awaitWorkers(int drafts, int verifies) {
    Await.until(drafts + " draft and " + verifies + " verify workers are seen", JOINING,
        () -> node.registry().live(Role.DRAFT).size() == drafts
            && node.registry().live(Role.VERIFY).size() == verifies);
  }

  /** Opens a session on a worker of the mesh's choice. */
  Stream open(SessionSpec spec, int creditWindow) {
    String worker = placement.draft(Optional.empty(), Set.of()).orElseThrow().id();
    var stream = new Stream(spec);
    stream.session = sessions.host(worker, creditWindow, "").open(spec, stream);
    return stream;
  }

  /** Sessions that have not ended. */
  int sessions() {
    return sessions.sessions();
  }

  @Override
  public void close() {
    sessions.close();
  }

  /** A client's stream: the tokens so far, and the rows that its rounds must have run. */
  static final class Stream implements TokenSink {
    private final AtomicLong rows;
    private volatile TokenIds tokens;
    private SessionHost.Session session;

    private Stream(SessionSpec spec) {
      this.tokens = spec.committed();
      this.rows = new AtomicLong(spec.prompt().length() + spec.committed().length() - 1);
    }

    @Override
    public void round(Round round) {
      if (round.from() != tokens.length()) {
        throw new IllegalStateException("round from " + round.from() + " after " + tokens.length() + " tokens");
      }
      rows.addAndGet(round.drafted().length() + 1);
      tokens = tokens.concat(round.committed());
    }

    SessionHost.Session session() {
      return session;
    }

    /** Tokens after the prompt so far. */
    TokenIds tokens() {
      return tokens;
    }

    /** Each known token once, and K + 1 rows for each round. */
    long rows() {
      return rows.get();
    }

    void awaitTokens(int count) {
      Await.until(count + " tokens have come", DECODING, () -> tokens.length() >= count);
    }

    Outcome finished() {
      return session.outcome().toCompletableFuture().orTimeout(DECODING.toSeconds(), TimeUnit.SECONDS).join();
    }
  }
}
