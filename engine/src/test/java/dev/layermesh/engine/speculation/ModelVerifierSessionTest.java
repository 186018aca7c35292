package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.Work.Extend;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A verifier's answers to work that does not continue its cache. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class ModelVerifierSessionTest {
  private static final GoldenCase GOLDEN = Fixtures.golden(Fixtures.tinyLlama2()).cases().getFirst();
  private static final TokenIds PROMPT = GOLDEN.promptIds();
  private static SplitModel split;

  @BeforeAll
  static void open() {
    split = SplitModel.open(EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2));
  }

  @AfterAll
  static void close() {
    split.close();
  }

  private final SessionSpec spec = split.spec(PROMPT, 32, SamplingParams.GREEDY, WindowPolicy.sequential(4));

  private VerifierSession session() {
    return split.verify().open(new SessionKey(1, 0), SamplingParams.GREEDY);
  }

  private Extend prefill(Drafter drafter, int to) throws InterruptedException {
    return new Extend(0, PrefixHash.EMPTY, drafter.extend(PROMPT, 0, to));
  }

  private DraftWindow window(int seq, TokenIds known, Drafter.Draft draft) {
    return new DraftWindow(seq, known.length(), known.hash(known.length() - 1), draft.handoff(), draft.tokens());
  }

  @Test
  void shouldSayWhatItHoldsToWorkThatComesTooEarly() throws InterruptedException {
    try (Drafter drafter = split.draft().drafter(spec);
        VerifierSession session = session()) {
      session.answer(prefill(drafter, 5));
      Drafter.Draft draft = drafter.draft(PROMPT, 2, false);
      assertThat(session.answer(window(1, PROMPT, draft))).isEqualTo(new VerifyReply.Behind(1, 5));
      assertThat(session.cached()).isEqualTo(5);
    }
  }

  @Test
  void shouldRefuseAWindowWhoseFirstTokenIsARejectedTail() throws InterruptedException {
    TokenIds truth = GOLDEN.greedyIds();
    DraftChoice wrongTail = (q, position) -> DraftToken
        .certain(position == PROMPT.length() + 1 ? truth.id(1) + 1 : truth.id(position - PROMPT.length()));
    try (Drafter drafter = split.draft().drafter(spec, wrongTail);
        VerifierSession session = session()) {
      session.answer(prefill(drafter, PROMPT.length() - 1));
      Drafter.Draft first = drafter.draft(PROMPT, 1, true);
      TokenIds speculated = PROMPT.concat(TokenIds.of(truth.id(0), truth.id(1) + 1));
      Drafter.Draft second = drafter.draft(speculated, 1, true);
      Verdict verdict = (Verdict) session.answer(window(1, PROMPT, first));
      assertThat(verdict.accepted()).isEqualTo(1);
      assertThat(verdict.next()).hasValue(truth.id(1));
      int cached = session.cached();
      assertThat(session.answer(window(2, speculated, second))).isEqualTo(new VerifyReply.Diverged(2, cached));
      assertThat(session.cached()).isEqualTo(cached);
    }
  }

  @Test
  void shouldRefuseRowsOfAnotherPrefix() throws InterruptedException {
    try (Drafter drafter = split.draft().drafter(spec);
        VerifierSession session = session()) {
      session.answer(prefill(drafter, PROMPT.length() - 1));
      Drafter.Draft draft = drafter.draft(PROMPT, 2, false);
      var stranger = new DraftWindow(1, PROMPT.length(), 42, draft.handoff(), draft.tokens());
      assertThat(session.answer(stranger)).isInstanceOf(VerifyReply.Diverged.class);
    }
  }

  @Test
  void shouldTakeTokensAloneWhereItHoldsEveryLayer() throws InterruptedException {
    var options = EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2);
    try (VerifyModel full = VerifyModel.open(options, true, (done, total) -> {});
        VerifierSession session = full.open(new SessionKey(1, 0), SamplingParams.GREEDY)) {
      int last = PROMPT.length() - 1;
      session.answer(new Extend(0, PrefixHash.EMPTY, new Handoff.Tokens(0, PROMPT.slice(0, last))));
      TokenIds truth = GOLDEN.greedyIds();
      var rows = new Handoff.Tokens(last, TokenIds.of(PROMPT.id(last), truth.id(0), truth.id(1)));
      var tokens = List.of(DraftToken.certain(truth.id(0)), DraftToken.certain(truth.id(1)));
      Verdict verdict = (Verdict) session.answer(new DraftWindow(1, last + 1, PROMPT.hash(last), rows, tokens));
      assertThat(verdict.accepted()).isEqualTo(2);
      assertThat(verdict.next()).hasValue(truth.id(2));
    }
  }

  @Test
  void shouldForgetEarlyRowsOfRejectedTokensThoughLateRowsBehindThemAreHit() throws InterruptedException {
    int block = 4;
    var options = EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2);
    options = options.withKv(options.kv().inBlocksOf(block));
    TokenIds text = PROMPT.concat(GOLDEN.greedyIds());
    int start = Math.ceilDiv(PROMPT.length() + 1, block) * block; // position of the token that is drafted wrong
    int end = start + block;
    try (VerifyModel full = VerifyModel.open(options, true, (done, total) -> {});
        VerifierSession other = full.open(new SessionKey(1, 0), SamplingParams.GREEDY);
        VerifierSession session = full.open(new SessionKey(2, 0), SamplingParams.GREEDY)) {
      other.answer(tokens(0, text, 0, end + block));
      session.answer(tokens(0, text, 0, start - 1));
      int wrong = text.id(start) == 5 ? 6 : 5;
      Verdict rejected = (Verdict) session.answer(window(1, text, start, TokenIds.of(wrong, wrong)));
      assertThat(rejected.accepted()).isZero();
      assertThat(rejected.next()).hasValue(text.id(start));
      assertThat(session.answer(tokens(2, text, start, end))).isEqualTo(new VerifyReply.Extended(2, end, 0));
      Verdict verdict = (Verdict) session.answer(window(3, text, end + 1, text.slice(end + 1, end + 4)));
      assertThat(verdict.accepted()).isEqualTo(3);
      assertThat(verdict.next()).hasValue(text.id(end + 4));
    }
  }

  /** Tokens of a text, alone, that are known. */
  private static Extend tokens(int seq, TokenIds text, int from, int to) {
    return new Extend(seq, text.hash(from), new Handoff.Tokens(from, text.slice(from, to)));
  }

  /** Drafted tokens, alone, at position {@code base} of a text. */
  private static DraftWindow window(int seq, TokenIds text, int base, TokenIds drafted) {
    var handoff = new Handoff.Tokens(base - 1, text.slice(base - 1, base).concat(drafted));
    var tokens = Arrays.stream(drafted.toArray()).mapToObj(DraftToken::certain).toList();
    return new DraftWindow(seq, base, text.hash(base - 1), handoff, tokens);
  }

  @Test
  void shouldRefuseTokensAloneWithoutTheEarlyLayers() throws InterruptedException {
    try (VerifierSession session = session()) {
      var tokens = new Extend(0, PrefixHash.EMPTY, new Handoff.Tokens(0, PROMPT));
      assertThatThrownBy(() -> session.answer(tokens))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("without layers below 2");
    }
  }

  @Test
  void shouldStartCleanAfterWarmingUp() throws InterruptedException {
    split.draft().warmUp(Duration.ofMillis(200));
    split.verify().warmUp(Duration.ofMillis(200));
    Outcome outcome = split.run(spec, round -> {});
    assertThat(outcome.committed()).isEqualTo(GOLDEN.greedyIds().slice(0, 32));
  }
}
