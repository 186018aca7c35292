package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.roastedroot.quickjs4j.core.Builtins;
import io.roastedroot.quickjs4j.core.Engine;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import run.endive.runtime.ByteArrayMemory;
import run.endive.wasm.types.MemoryLimits;

/**
 * Runs one Jinja template with Hugging Face's own implementation of Jinja for chat templates, in a JavaScript engine
 * that is itself a WebAssembly program on the JVM: the template can reach no class, file or socket, only the three
 * functions lent to it, and its memory and time are bounded.
 *
 * <p>Threads: an engine is owned by one thread of its own, which starts it ahead of the first call; callers queue on a
 * lock and park. An engine that failed or ran out of time is thrown away with its thread; the next call starts anew.
 */
final class TemplateSandbox implements AutoCloseable {
  private static final String LIBRARY = "huggingface-jinja-0.5.11.cjs";
  private static final String DRIVER = "chat-template.js";
  private static final int MAX_PAGES = 2048; // of 64 KiB: 128 MiB

  /** What became of a rendering. */
  sealed interface Outcome {}

  /** The rendered prompt. */
  record Text(String text) implements Outcome {}

  /** The template called {@code raise_exception}: it refuses what it was given. */
  record Said(String message) implements Outcome {}

  /** The template is at fault. */
  record Failed(String reason) implements Outcome {}

  private final String template;
  private final String source;
  private final Clock clock;
  private final Duration limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final AtomicReference<Optional<Running>> running;
  private volatile boolean closed;

  TemplateSandbox(String template, String source, Clock clock, Duration limit) {
    this.template = template;
    this.source = source;
    this.clock = clock;
    this.limit = limit;
    this.running = new AtomicReference<>(Optional.of(new Running(source, clock)));
  }

  Outcome render(Map<String, Object> variables) {
    String request = Json.write(Map.of("template", template, "variables", variables));
    lock.lock();
    try {
      Running engine = running.get().orElseGet(() -> new Running(source, clock));
      running.set(Optional.of(engine));
      if (closed) {
        retire();
      }
      Outcome outcome = engine.render(request, limit);
      if (engine.isSpent()) {
        retire();
      }
      return outcome;
    } finally {
      lock.unlock();
    }
  }

  private void retire() {
    running.getAndSet(Optional.empty()).ifPresent(Running::stop);
  }

  /** Ends a rendering that runs, without waiting for it. */
  @Override
  public void close() {
    closed = true;
    retire();
  }

  /** One engine and the thread that owns it. */
  private static final class Running {
    private final ExecutorService owner;
    private final Future<Guest> guest;
    private boolean spent;

    Running(String source, Clock clock) {
      owner = Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("chat-template " + source).factory());
      guest = owner.submit(() -> new Guest(clock));
    }

    /** The limit runs from when the engine is up: starting it is our work, not the template's. */
    Outcome render(String request, Duration limit) {
      try {
        Guest ready = guest.get();
        Future<String> reply = owner.submit(() -> ready.render(request));
        return outcome(Json.MAPPER.readTree(reply.get(limit.toNanos(), TimeUnit.NANOSECONDS)));
      } catch (TimeoutException e) {
        spent = true;
        return new Failed("no end within " + limit.toMillis() + " ms");
      } catch (ExecutionException e) {
        spent = true;
        return new Failed("it exhausted its " + MAX_PAGES / 16 + " MiB of memory or its stack ("
            + Json.oneLine(e.getCause().getMessage()) + ")");
      } catch (CancellationException | RejectedExecutionException e) {
        spent = true;
        return new Failed("closed meanwhile");
      } catch (InterruptedException e) {
        spent = true;
        Thread.currentThread().interrupt();
        return new Failed("interrupted");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static Outcome outcome(JsonNode reply) {
      if (reply.has("text")) {
        return new Text(reply.get("text").textValue());
      }
      return reply.has("said") ? new Said(reply.get("said").textValue()) : new Failed(reply.get("error").textValue());
    }

    boolean isSpent() {
      return spent;
    }

    /** Interrupts what runs: the WebAssembly machine looks at the interrupt flag as it runs. */
    void stop() {
      for (Runnable waiting : owner.shutdownNow()) {
        if (waiting instanceof Future<?> call) {
          call.cancel(false); // whoever waits for it hears that it will never run
        }
      }
    }
  }

  /** The engine with library and driver loaded; touched by its owner thread alone. */
  private static final class Guest {
    private final Engine engine;
    private final int render;
    private String request = "";
    private String reply = "";

    Guest(Clock clock) {
      Builtins host = Builtins.builder("host")
          .addVoidToString("request", () -> request)
          .addStringToVoid("reply", text -> reply = text)
          .addStringToString("strftimeNow", format -> Strftime.format(format, ZonedDateTime.now(clock)))
          .build();
      engine = Engine.builder()
          .addBuiltins(host)
          .withMemoryFactory(memory -> new ByteArrayMemory(new MemoryLimits(memory.initialPages(), MAX_PAGES)))
          .build();
      run("(" + resource(DRIVER).strip() + ")((function () { const module = { exports: {} }; "
          + "(function (module, exports) {" + resource(LIBRARY) + "\n})(module, module.exports); "
          + "return module.exports; })());");
      render = engine.compile("render()");
    }

    private void run(String script) {
      int code = engine.compile(script);
      engine.exec(code);
      engine.free(code);
    }

    String render(String request) {
      this.request = request;
      engine.exec(render);
      this.request = "";
      return reply;
    }

    private static String resource(String name) {
      try (InputStream in = TemplateSandbox.class.getResourceAsStream(name)) {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
