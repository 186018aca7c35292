package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.DeliveryOptions;
import io.vertx.core.eventbus.Message;
import io.vertx.core.eventbus.MessageConsumer;
import io.vertx.core.tracing.TracingPolicy;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames over the Vert.x event bus, clustered or local. All sends and callbacks run on one context, so frames from one
 * sender to one address arrive in order as long as no connection fails. Vert.x does not trace the sends: there is one
 * span for each session, and frames carry its context.
 */
public final class EventBusFrameBus implements FrameBus {
  private static final Logger LOG = LoggerFactory.getLogger(EventBusFrameBus.class);

  private final Vertx vertx;
  private final Context context;
  private final DeliveryOptions options =
      new DeliveryOptions().setCodecName(FrameCodec.NAME).setTracingPolicy(TracingPolicy.IGNORE);

  /** A bus over {@code vertx}; several may share one. */
  public EventBusFrameBus(Vertx vertx) {
    this.vertx = vertx;
    this.context = vertx.getOrCreateContext();
    try {
      vertx.eventBus().registerCodec(new FrameCodec());
    } catch (IllegalStateException registered) {
      LOG.trace("codec {} was registered before", FrameCodec.NAME);
    }
  }

  @Override
  public void send(String address, Buffer frame) {
    onContext(() -> vertx.eventBus().send(address, frame, options));
  }

  @Override
  public Listening listen(String address, Consumer<Buffer> handler) {
    var ready = new CompletableFuture<Void>();
    var consumer = new CompletableFuture<MessageConsumer<Buffer>>();
    onContext(() -> {
      MessageConsumer<Buffer> registered =
          vertx.eventBus().consumer(address, message -> deliver(address, message, handler));
      registered.completion().onSuccess(ready::complete).onFailure(ready::completeExceptionally);
      consumer.complete(registered);
    });
    return new Listening() {
      @Override
      public CompletionStage<Void> ready() {
        return ready;
      }

      @Override
      public void close() {
        consumer.thenAccept(MessageConsumer::unregister);
      }
    };
  }

  private static void deliver(String address, Message<Buffer> message, Consumer<Buffer> handler) {
    Buffer frame;
    try {
      frame = message.body();
    } catch (RuntimeException malformed) { // the body is no buffer, or not as long as the codec says
      LOG.warn("{}: dropped a message that holds no frame: {}", address, malformed.toString());
      return;
    }
    handler.accept(frame);
  }

  @Override
  public Registration every(Duration period, Runnable action) {
    var closed = new AtomicBoolean();
    onContext(() -> vertx.setPeriodic(period.toMillis(), id -> {
      if (closed.get()) {
        vertx.cancelTimer(id);
      } else {
        action.run();
      }
    }));
    return () -> closed.set(true);
  }

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  private void onContext(Runnable action) {
    if (Vertx.currentContext() == context) {
      action.run();
    } else {
      context.runOnContext(ignored -> action.run());
    }
  }
}
