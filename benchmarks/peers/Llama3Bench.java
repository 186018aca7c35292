package com.llama4j; // its forward pass is package-private

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Times llama3.java in the words and the JSON lines of {@code layermesh bench-engine}. It computes the logits of the last row
 * only, so there is no verify step to time. Threads are those of the common pool, set on the command line.
 */
public final class Llama3Bench {
    private static final int CONTEXT = 1024;
    private static final int BATCH = 16; // its default

    private final Llama model;
    private final Llama.State state;
    private final Random random = new Random(1);

    private Llama3Bench(Llama model) {
        this.model = model;
        this.state = model.createNewState(BATCH);
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 4) {
            System.err.println("usage: Llama3Bench MODEL.gguf TESTS REPEAT WARM_UP_SECONDS");
            System.exit(2);
        }
        var bench = new Llama3Bench(ModelLoader.loadModel(Path.of(args[0]), CONTEXT, true));
        for (var test : args[1].split(",")) {
            bench.print(test, Integer.parseInt(args[2]), (long) (Double.parseDouble(args[3]) * 1e9));
        }
    }

    private void print(String test, int repeat, long warmUpNanos) {
        var decode = test.startsWith("tg");
        if (!decode && !test.startsWith("pp")) {
            throw new IllegalArgumentException(test + ": no such test");
        }
        var n = Integer.parseInt(test.substring(2));
        var started = System.nanoTime();
        do {
            run(n, decode ? 1 : BATCH);
        } while (System.nanoTime() - started < warmUpNanos);
        List<Double> millis = new ArrayList<>();
        for (var i = 0; i < repeat; i++) {
            millis.add(run(n, decode ? 1 : BATCH));
        }
        Collections.sort(millis);
        var rows = decode ? 1 : n;
        var step = millis.get(millis.size() / 2) * rows / n;
        System.out.printf(
                Locale.ROOT,
                "{\"test\":\"%s\",\"rows\":%d,\"ms_per_step\":%.4f,\"tokens_per_second\":%.3f}%n",
                test, rows, step, rows * 1e3 / step);
    }

    /** Milliseconds for n tokens, {@code batch} at once; only a prompt's last token has logits. */
    private double run(int n, int batch) {
        var vocabulary = model.configuration().vocabularySize;
        var started = System.nanoTime();
        for (var position = 0; position < n; position += batch) {
            var rows = Math.min(batch, n - position);
            var tokens = random.ints(rows, 0, vocabulary).toArray();
            Llama.forward(model, state, tokens, position, batch == 1 || position + rows == n);
        }
        return (System.nanoTime() - started) / 1e6;
    }
}
