package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import java.util.Objects;

/**
 * One draft worker as a gateway sees it. See {@link RemoteSessions#host}.
 *
 * @param sessions the gateway's sessions, which own the address that tokens arrive at
 * @param worker id of the draft worker
 * @param creditWindow tokens the worker may commit beyond those acknowledged, at least 1
 * @param traceparent W3C trace context of the caller's span, or empty
 */
record RemoteSessionHost(RemoteSessions sessions, String worker, int creditWindow, String traceparent)
    implements SessionHost {
  RemoteSessionHost {
    Objects.requireNonNull(sessions, "sessions");
    Objects.requireNonNull(worker, "worker");
    Objects.requireNonNull(traceparent, "traceparent");
    if (creditWindow < 1) {
      throw new IllegalArgumentException("credit window " + creditWindow + ": must be 1 or more");
    }
  }

  @Override
  public Session open(SessionSpec spec, TokenSink sink) {
    return sessions.open(this, spec, sink);
  }
}
