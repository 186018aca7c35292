package com.github.tjake.jlama.model; // what a step needs of a model is protected

import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.SafeTensorSupport;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;

/**
 * Times Jlama in the words and the JSON lines of {@code layermesh bench-engine}, or makes the 4-bit copy of a model that it
 * times. Every test runs until Jlama is compiled, then at least {@code REPEAT} times; the median counts.
 */
public final class JlamaBench {
    private static final String USAGE =
            "usage: JlamaBench quantize FROM TO | JlamaBench MODEL THREADS I8|BF16 TESTS DEPTH REPEAT WARM_UP_SECONDS";

    private final AbstractModel model;
    private final int depth;
    private final Random random = new Random(1);

    private JlamaBench(AbstractModel model, int depth) {
        this.model = model;
        this.depth = depth;
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 3 && args[0].equals("quantize")) {
            SafeTensorSupport.quantizeModel(
                    Path.of(args[1]), DType.Q4, new String[] {"norm"}, null, Optional.of(Path.of(args[2])));
            return;
        }
        if (args.length != 7) {
            System.err.println(USAGE);
            System.exit(2);
        }
        var threads = Integer.parseInt(args[1]);
        var model = ModelSupport.loadModel(
                new File(args[0]), null, DType.F32, DType.valueOf(args[2]), Optional.empty(), Optional.of(threads));
        var bench = new JlamaBench(model, Integer.parseInt(args[4]));
        for (var test : args[3].split(",")) {
            bench.print(test, Integer.parseInt(args[5]), (long) (Double.parseDouble(args[6]) * 1e9));
        }
        System.exit(0); // its pools keep the JVM alive
    }

    private void print(String test, int repeat, long warmUpNanos) {
        var kind = test.replaceAll("\\d", "");
        var n = Integer.parseInt(test.replaceAll("\\D", ""));
        var started = System.nanoTime();
        do {
            run(kind, n);
        } while (System.nanoTime() - started < warmUpNanos);
        List<Double> millis = new ArrayList<>();
        for (var i = 0; i < repeat; i++) {
            millis.add(run(kind, n));
        }
        Collections.sort(millis);
        var step = millis.get(millis.size() / 2);
        var rows = kind.equals("tg") ? 1 : n;
        System.out.printf(
                Locale.ROOT,
                "{\"test\":\"%s\",\"rows\":%d,\"ms_per_step\":%.4f,\"tokens_per_second\":%.3f}%n",
                test, rows, step, rows * 1e3 / step);
    }

    /** Milliseconds per step. */
    private double run(String kind, int n) {
        try (var cache = model.kvBufferCache.getEphemeralKvBuffer();
                var logits = model.makeDenseTensor(model.c.vocabularySize)) {
            if (kind.equals("v")) {
                model.batchForward(tokens(depth), 0, cache).close();
            }
            var started = System.nanoTime();
            switch (kind) {
                case "tg" -> {
                    for (var position = 0; position < n; position++) {
                        try (var hidden = model.forward(tokens(1)[0], position, cache)) {
                            model.sample(hidden, 0f, 0f, logits);
                        }
                    }
                }
                case "v" -> {
                    try (var hidden = model.batchForward(tokens(n), depth, cache)) {
                        for (var row = 0; row < n; row++) {
                            model.sample(hidden.slice(row), 0f, 0f, logits);
                        }
                    }
                }
                case "pp" -> {
                    try (var hidden = model.batchForward(tokens(n), 0, cache)) {
                        model.sample(hidden.slice(hidden.shape().first() - 1), 0f, 0f, logits);
                    }
                }
                default -> throw new IllegalArgumentException(kind + ": no such test");
            }
            return (System.nanoTime() - started) / 1e6 / (kind.equals("tg") ? n : 1);
        }
    }

    private int[] tokens(int n) {
        return random.ints(n, 0, model.c.vocabularySize).toArray();
    }
}
