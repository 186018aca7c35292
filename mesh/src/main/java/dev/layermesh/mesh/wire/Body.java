package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.mesh.wire.Message.Cancel;
import dev.layermesh.mesh.wire.Message.CloseVerifier;
import dev.layermesh.mesh.wire.Message.Credit;
import dev.layermesh.mesh.wire.Message.Failed;
import dev.layermesh.mesh.wire.Message.FinalAck;
import dev.layermesh.mesh.wire.Message.Finished;
import dev.layermesh.mesh.wire.Message.InProgress;
import dev.layermesh.mesh.wire.Message.KeepAlive;
import dev.layermesh.mesh.wire.Message.NoSession;
import dev.layermesh.mesh.wire.Message.OpenSession;
import dev.layermesh.mesh.wire.Message.OpenVerifier;
import dev.layermesh.mesh.wire.Message.Prefilled;
import dev.layermesh.mesh.wire.Message.Reply;
import dev.layermesh.mesh.wire.Message.SessionOpened;
import dev.layermesh.mesh.wire.Message.SessionRefused;
import dev.layermesh.mesh.wire.Message.Tokens;
import dev.layermesh.mesh.wire.Message.VerifierClosed;
import dev.layermesh.mesh.wire.Message.VerifierOpened;
import dev.layermesh.mesh.wire.Message.VerifierRefused;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** Writes and reads what follows the header and the sender in a frame of each kind. */
final class Body {
  private static final int ROW_ALIGNMENT = 64;
  private static final int MAX_WIDTH = 1 << 20;
  private static final int TOKENS = 0;
  private static final int EXIT_STATES = 1;
  private static final int CERTAIN = 0;
  private static final int SPARSE = 1;
  private static final int DENSE = 2;
  private static final int SHARED_NOISE = 0;
  private static final int SPECULATIVE_SAMPLING = 1;

  private Body() {}

  /** The header's seq; 0 where a message has none. */
  static int seq(Message message) {
    return switch (message) {
      case OpenVerifier open -> open.firstSeq();
      case Message.Work work -> work.work().seq();
      case KeepAlive keepAlive -> keepAlive.seq();
      case Reply reply -> reply.reply().seq();
      case NoSession none -> none.seq();
      case InProgress progress -> progress.seq();
      case CloseVerifier m -> 0;
      case VerifierOpened m -> 0;
      case VerifierRefused m -> 0;
      case VerifierClosed m -> 0;
      case OpenSession m -> 0;
      case Credit m -> 0;
      case Cancel m -> 0;
      case FinalAck m -> 0;
      case SessionOpened m -> 0;
      case SessionRefused m -> 0;
      case Tokens m -> 0;
      case Prefilled m -> 0;
      case Finished m -> 0;
      case Failed m -> 0;
    };
  }

  static void write(Message message, FrameWriter out) {
    switch (message) {
      case OpenVerifier open -> {
        out.i32(open.opening());
        writeSampling(open.sampling(), out);
        out.text(open.traceparent());
      }
      case Message.Work work -> writeWork(work.work(), out);
      case CloseVerifier close -> out.i32(close.opening());
      case VerifierClosed closed -> out.i32(closed.opening());
      case VerifierOpened opened -> out.i32(opened.opening()).i32(opened.cached());
      case VerifierRefused refused ->
          out.i32(refused.opening()).u8(refused.code().code()).text(refused.message());
      case Reply reply -> writeReply(reply.reply(), out);
      case OpenSession open -> {
        writeSpec(open.spec(), out);
        out.i32(open.window()).text(open.traceparent());
      }
      case Credit credit -> out.i32(credit.received()).i32(credit.window());
      case SessionRefused refused -> out.u8(refused.code().code()).text(refused.message());
      case Tokens tokens -> {
        Round round = tokens.round();
        out.i32(round.from()).ids(round.committed()).ids(round.drafted()).i32(round.accepted());
      }
      case Prefilled prefilled -> out.i32(prefilled.done()).i32(prefilled.total());
      case Finished finished -> {
        out.u8(code(finished.reason())).i32(finished.committed());
        writeStats(finished.stats(), out);
      }
      case Failed failed -> out.u8(failed.code().code()).text(failed.message());
      case KeepAlive m -> {}
      case NoSession m -> {}
      case InProgress m -> {}
      case Cancel m -> {}
      case FinalAck m -> {}
      case SessionOpened m -> {}
    }
  }

  static Message read(Kind kind, SessionKey key, int seq, FrameReader in) {
    Message message = switch (kind) {
      case OPEN_VERIFIER -> new OpenVerifier(in.i32(), seq, readSampling(in), in.text());
      case EXTEND -> new Message.Work(new Work.Extend(seq, in.i64(), readHandoff(in)));
      case DRAFT_WINDOW -> new Message.Work(readWindow(seq, in));
      case CLOSE_VERIFIER -> new CloseVerifier(in.i32());
      case KEEP_ALIVE -> new KeepAlive(seq);
      case VERIFIER_OPENED -> new VerifierOpened(in.i32(), in.i32());
      case VERIFIER_REFUSED -> new VerifierRefused(in.i32(), FailureCode.of(in.u8()), in.text());
      case EXTENDED -> new Reply(new VerifyReply.Extended(seq, natural(in), natural(in)));
      case VERDICT -> new Reply(readVerdict(seq, in));
      case DIVERGED -> new Reply(new VerifyReply.Diverged(seq, natural(in)));
      case BEHIND -> new Reply(new VerifyReply.Behind(seq, natural(in)));
      case STALE_EPOCH -> new Reply(new VerifyReply.StaleEpoch(seq));
      case OVERLOADED -> new Reply(new VerifyReply.Overloaded(seq, Duration.ofMillis(natural(in))));
      case NO_SESSION -> new NoSession(seq);
      case IN_PROGRESS -> new InProgress(seq);
      case VERIFIER_CLOSED -> new VerifierClosed(in.i32());
      case OPEN_SESSION -> new OpenSession(readSpec(key, in), in.i32(), in.text());
      case CREDIT -> new Credit(in.i32(), in.i32());
      case CANCEL -> new Cancel();
      case FINAL_ACK -> new FinalAck();
      case SESSION_OPENED -> new SessionOpened();
      case SESSION_REFUSED -> new SessionRefused(FailureCode.of(in.u8()), in.text());
      case TOKENS -> new Tokens(new Round(in.i32(), in.ids(), in.ids(), in.i32()));
      case PREFILLED -> new Prefilled(in.i32(), in.i32());
      case FINISHED -> new Finished(reason(in.u8()), in.i32(), readStats(in));
      case FAILED -> new Failed(FailureCode.of(in.u8()), in.text());
    };
    if (seq(message) != seq) {
      throw new WireException("seq " + seq + " in a frame of kind " + kind);
    }
    return message;
  }

  // Work: parent hash, the window's base if it is one, rows, draft tokens.

  private static void writeWork(Work work, FrameWriter out) {
    out.i64(work.parentHash());
    switch (work) {
      case Work.Extend extend -> writeHandoff(extend.handoff(), out);
      case DraftWindow window -> {
        writeTokens(window.tokens(), out);
        writeHandoff(window.handoff(), out);
      }
    }
  }

  private static DraftWindow readWindow(int seq, FrameReader in) {
    long parentHash = in.i64();
    List<DraftToken> tokens = readTokens(in);
    Handoff handoff = readHandoff(in);
    return new DraftWindow(seq, Math.addExact(handoff.from(), 1), parentHash, handoff, tokens);
  }

  private static void writeHandoff(Handoff handoff, FrameWriter out) {
    switch (handoff) {
      case Handoff.Tokens tokens -> out.u8(TOKENS).i32(tokens.from()).ids(tokens.ids());
      case Handoff.ExitStates states -> {
        HiddenRows rows = states.rows();
        out.u8(EXIT_STATES).i32(states.from()).ids(states.ids());
        out.u16(states.exitLayer()).u8(code(rows.type())).i32(rows.width());
        out.align(ROW_ALIGNMENT).elements(rows);
      }
    }
  }

  private static Handoff readHandoff(FrameReader in) {
    int tag = in.u8();
    int from = in.i32();
    TokenIds ids = in.ids();
    if (from < 0 || from > Integer.MAX_VALUE - 1 - ids.length()) {
      throw new WireException(ids.length() + " rows from position " + from);
    }
    return switch (tag) {
      case TOKENS -> new Handoff.Tokens(from, ids);
      case EXIT_STATES -> {
        int exitLayer = in.u16();
        HiddenRows.Type type = type(in.u8());
        int width = in.i32();
        if (width < 1 || width > MAX_WIDTH) {
          throw new WireException("rows of " + width + " elements");
        }
        in.align(ROW_ALIGNMENT);
        var elements = in.view((long) ids.length() * width * type.bytes());
        yield new Handoff.ExitStates(from, ids, exitLayer, new HiddenRows.Host(ids.length(), width, type, elements));
      }
      default -> throw new WireException("handoff " + tag);
    };
  }

  private static void writeTokens(List<DraftToken> tokens, FrameWriter out) {
    out.i32(tokens.size());
    for (DraftToken token : tokens) {
      out.i32(token.id());
      switch (token.drawnFrom()) {
        case Distribution.Certain certain -> out.u8(CERTAIN).i32(certain.id());
        case Distribution.Sparse sparse -> {
          out.u8(SPARSE).ids(TokenIds.of(sparse.ids()));
          writeMasses(sparse.masses(), out);
        }
        case Distribution.Dense dense -> {
          out.u8(DENSE).i32(dense.size());
          writeMasses(dense.masses(), out);
        }
      }
    }
  }

  private static void writeMasses(float[] masses, FrameWriter out) {
    for (float mass : masses) {
      out.f32(mass);
    }
  }

  private static List<DraftToken> readTokens(FrameReader in) {
    int count = in.count(9);
    var tokens = new ArrayList<DraftToken>(count);
    for (int i = 0; i < count; i++) {
      int id = natural(in);
      int tag = in.u8();
      tokens.add(new DraftToken(id, switch (tag) {
        case CERTAIN -> new Distribution.Certain(natural(in));
        case SPARSE -> {
          TokenIds ids = in.ids();
          yield new Distribution.Sparse(ids.toArray(), in.masses(ids.length()));
        }
        case DENSE -> new Distribution.Dense(in.masses(in.count(4)));
        default -> throw new WireException("distribution " + tag);
      }));
    }
    return tokens;
  }

  private static void writeReply(VerifyReply reply, FrameWriter out) {
    switch (reply) {
      case VerifyReply.Extended extended -> out.i32(extended.cached()).i32(extended.rows());
      case VerifyReply.Verdict verdict -> {
        out.i32(verdict.accepted()).u8(verdict.next().isPresent() ? 1 : 0).i32(verdict.next().orElse(0));
        out.i32(verdict.rows());
      }
      case VerifyReply.Diverged diverged -> out.i32(diverged.cached());
      case VerifyReply.Behind behind -> out.i32(behind.cached());
      case VerifyReply.StaleEpoch stale -> {}
      case VerifyReply.Overloaded overloaded ->
          out.i32((int) Math.min(overloaded.retryAfter().toMillis(), Integer.MAX_VALUE));
    }
  }

  private static VerifyReply readVerdict(int seq, FrameReader in) {
    int accepted = natural(in);
    boolean hasNext = in.flag();
    int next = natural(in);
    if (!hasNext && next != 0) {
      throw new WireException("token " + next + " in a verdict without one");
    }
    return new VerifyReply.Verdict(seq, accepted, hasNext ? OptionalInt.of(next) : OptionalInt.empty(), natural(in));
  }

  private static void writeSpec(SessionSpec spec, FrameWriter out) {
    out.ids(spec.prompt()).ids(spec.committed());
    out.ids(spec.stops().eosIds()).i32(spec.stops().maxTokens()).i32(spec.stops().contextLength());
    writeSampling(spec.sampling(), out);
    out.i32(spec.window().draftTokens()).i32(spec.window().windows()).u8(spec.window().tail() ? 1 : 0);
  }

  private static SessionSpec readSpec(SessionKey key, FrameReader in) {
    return new SessionSpec(
        key,
        in.ids(),
        in.ids(),
        new StopRule(in.ids(), in.i32(), in.i32()),
        readSampling(in),
        new WindowPolicy(in.i32(), in.i32(), in.flag()));
  }

  private static void writeSampling(SamplingParams sampling, FrameWriter out) {
    out.f64(sampling.temperature()).i32(sampling.topK()).f64(sampling.topP()).i64(sampling.seed());
    out.u8(switch (sampling.acceptance()) {
      case AcceptanceRule.SharedNoise rule -> SHARED_NOISE;
      case AcceptanceRule.SpeculativeSampling rule -> SPECULATIVE_SAMPLING;
    });
  }

  private static SamplingParams readSampling(FrameReader in) {
    return new SamplingParams(in.f64(), in.i32(), in.f64(), in.i64(), rule(in.u8()));
  }

  private static AcceptanceRule rule(int tag) {
    return switch (tag) {
      case SHARED_NOISE -> AcceptanceRule.SHARED_NOISE;
      case SPECULATIVE_SAMPLING -> AcceptanceRule.SPECULATIVE_SAMPLING;
      default -> throw new WireException("acceptance rule " + tag);
    };
  }

  private static void writeStats(DecodeStats stats, FrameWriter out) {
    out.i32(stats.rounds()).i64(stats.draftTokens()).i64(stats.acceptedTokens());
    out.i64(stats.earlyRows()).i64(stats.lateRows());
  }

  private static DecodeStats readStats(FrameReader in) {
    return new DecodeStats(in.i32(), in.i64(), in.i64(), in.i64(), in.i64());
  }

  private static int natural(FrameReader in) {
    int value = in.i32();
    if (value < 0) {
      throw new WireException(value + " where 0 or more is meant");
    }
    return value;
  }

  // Numbers of enum constants, independent of their order in the source.

  private static int code(HiddenRows.Type type) {
    return switch (type) {
      case F32 -> 1;
      case F16 -> 2;
      case BF16 -> 3;
    };
  }

  private static HiddenRows.Type type(int code) {
    return switch (code) {
      case 1 -> HiddenRows.Type.F32;
      case 2 -> HiddenRows.Type.F16;
      case 3 -> HiddenRows.Type.BF16;
      default -> throw new WireException("element type " + code);
    };
  }

  private static int code(StopReason reason) {
    return switch (reason) {
      case EOS -> 1;
      case LENGTH -> 2;
      case CANCELLED -> 3;
      case SUPERSEDED -> 4;
    };
  }

  private static StopReason reason(int code) {
    return switch (code) {
      case 1 -> StopReason.EOS;
      case 2 -> StopReason.LENGTH;
      case 3 -> StopReason.CANCELLED;
      case 4 -> StopReason.SUPERSEDED;
      default -> throw new WireException("stop reason " + code);
    };
  }
}
