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
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.TreeSet;

/** Frames with arbitrary content, of any kind. */
final class Frames {
  private final SplittableRandom random;

  Frames(long seed) {
    random = new SplittableRandom(seed);
  }

  Frame any(Kind kind) {
    var key = new SessionKey(random.nextLong(), natural());
    return new Frame(word(20), key, message(kind, key));
  }

  private Message message(Kind kind, SessionKey key) {
    int seq = natural();
    return switch (kind) {
      case OPEN_VERIFIER -> new Message.OpenVerifier(natural(), seq, sampling(), word(55));
      case EXTEND -> new Message.Work(new Work.Extend(seq, random.nextLong(), handoff(1 + random.nextInt(20))));
      case DRAFT_WINDOW -> new Message.Work(window(seq));
      case CLOSE_VERIFIER -> new Message.CloseVerifier(natural());
      case KEEP_ALIVE -> new Message.KeepAlive(seq);
      case VERIFIER_OPENED -> new Message.VerifierOpened(natural(), natural());
      case VERIFIER_REFUSED -> new Message.VerifierRefused(natural(), code(), word(80));
      case EXTENDED -> new Message.Reply(new VerifyReply.Extended(seq, natural(), natural()));
      case VERDICT -> new Message.Reply(new VerifyReply.Verdict(
          seq, natural(), random.nextBoolean() ? OptionalInt.of(natural()) : OptionalInt.empty(), natural()));
      case DIVERGED -> new Message.Reply(new VerifyReply.Diverged(seq, natural()));
      case BEHIND -> new Message.Reply(new VerifyReply.Behind(seq, natural()));
      case STALE_EPOCH -> new Message.Reply(new VerifyReply.StaleEpoch(seq));
      case OVERLOADED -> new Message.Reply(new VerifyReply.Overloaded(seq, Duration.ofMillis(natural())));
      case NO_SESSION -> new Message.NoSession(seq);
      case IN_PROGRESS -> new Message.InProgress(seq);
      case VERIFIER_CLOSED -> new Message.VerifierClosed(natural());
      case OPEN_SESSION -> new Message.OpenSession(spec(key), natural(), word(55));
      case CREDIT -> new Message.Credit(natural(), natural());
      case CANCEL -> new Message.Cancel();
      case FINAL_ACK -> new Message.FinalAck();
      case SESSION_OPENED -> new Message.SessionOpened();
      case SESSION_REFUSED -> new Message.SessionRefused(code(), word(80));
      case TOKENS -> new Message.Tokens(new Round(natural(), ids(1 + random.nextInt(9)), ids(8), random.nextInt(9)));
      case PREFILLED -> new Message.Prefilled(natural(), natural());
      case FINISHED -> new Message.Finished(
          StopReason.values()[random.nextInt(StopReason.values().length)],
          natural(),
          new DecodeStats(natural(), natural(), natural(), natural(), natural()));
      case FAILED -> new Message.Failed(code(), word(80));
    };
  }

  private DraftWindow window(int seq) {
    int drafted = random.nextInt(6);
    Handoff handoff = handoff(drafted + 1);
    List<DraftToken> tokens = new ArrayList<>();
    for (int i = 1; i <= drafted; i++) {
      tokens.add(token(handoff.ids().id(i)));
    }
    if (random.nextBoolean()) {
      tokens.add(random.nextInt(3) == 0 ? denseToken() : token(natural()));
    }
    return new DraftWindow(seq, handoff.from() + 1, random.nextLong(), handoff, tokens);
  }

  private DraftToken token(int id) {
    if (random.nextBoolean()) {
      return DraftToken.certain(id);
    }
    var support = new TreeSet<Integer>(List.of(id));
    random.ints(random.nextInt(5), 0, Integer.MAX_VALUE).forEach(support::add);
    return new DraftToken(id, new Distribution.Sparse(
        support.stream().mapToInt(Integer::intValue).toArray(), masses(support.size())));
  }

  /** For a tail only; the other tokens are the rows' own. */
  private DraftToken denseToken() {
    int id = random.nextInt(40);
    return new DraftToken(id, new Distribution.Dense(masses(id + 1 + random.nextInt(5))));
  }

  private float[] masses(int count) {
    float[] masses = new float[count];
    for (int i = 0; i < count; i++) {
      masses[i] = (float) random.nextDouble(0.01, 1);
    }
    return masses;
  }

  private Handoff handoff(int count) {
    int from = random.nextInt(1 << 20);
    if (random.nextInt(4) == 0) {
      return new Handoff.Tokens(from, ids(count));
    }
    HiddenRows.Type type = HiddenRows.Type.values()[random.nextInt(HiddenRows.Type.values().length)];
    int width = 1 + random.nextInt(40);
    byte[] bytes = new byte[count * width * type.bytes()];
    random.nextBytes(bytes);
    return new Handoff.ExitStates(
        from,
        ids(count),
        1 + random.nextInt(100),
        new HiddenRows.Host(count, width, type, MemorySegment.ofArray(bytes)));
  }

  private SessionSpec spec(SessionKey key) {
    return new SessionSpec(
        key,
        ids(1 + random.nextInt(30)),
        ids(random.nextInt(10)),
        new StopRule(ids(random.nextInt(3)), 1 + natural() / 2, 100 + natural() / 2),
        sampling(),
        new WindowPolicy(random.nextInt(65), 1 + random.nextInt(8), random.nextBoolean()));
  }

  private SamplingParams sampling() {
    return new SamplingParams(
        random.nextDouble() * 2,
        random.nextInt(100),
        1 - random.nextDouble(),
        random.nextLong(),
        random.nextBoolean() ? AcceptanceRule.SHARED_NOISE : AcceptanceRule.SPECULATIVE_SAMPLING);
  }

  private FailureCode code() {
    return FailureCode.values()[random.nextInt(FailureCode.values().length)];
  }

  private TokenIds ids(int count) {
    return TokenIds.of(random.ints(count, 0, Integer.MAX_VALUE).toArray());
  }

  private int natural() {
    return random.nextInt() & Integer.MAX_VALUE;
  }

  private String word(int length) {
    var word = new StringBuilder("w");
    for (int i = 0; i < length; i++) {
      word.append("abc-.ß漢".charAt(random.nextInt(7)));
    }
    return word.toString();
  }
}
