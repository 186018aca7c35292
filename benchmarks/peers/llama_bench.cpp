// Times llama.cpp through a prebuilt libllama, in the words and the JSON lines of `layermesh bench-engine`.
// usage: GGML_DIR=FOLDER_OF_LIBRARIES llama_bench MODEL.gguf THREADS TEST,TEST,... [DEPTH] [REPEAT]
//   tgN  N steps of one token, from position 0
//   vN   one step of N rows at position DEPTH, logits of every row (a verify step)
//   ppN  one step of N rows from position 0, logits of the last (a prompt)
// Built by run.sh, which also brings llama.h: neither is part of this repository.
#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int CONTEXT = 1024;
constexpr int MAX_ROWS = 512;
constexpr int VERIFY_STEPS = 8;

[[noreturn]] void fail(const std::string & message) {
    fprintf(stderr, "llama_bench: %s\n", message.c_str());
    exit(1);
}

struct Bench {
    llama_context * context;
    int vocabulary;
    std::mt19937 random{1};

    // One forward pass over random tokens at positions from .. from + rows - 1; its time in seconds.
    double step(int rows, int from, bool all_logits) {
        llama_batch batch = llama_batch_init(rows, 0, 1);
        batch.n_tokens = rows;
        for (int i = 0; i < rows; i++) {
            batch.token[i] = random() % vocabulary;
            batch.pos[i] = from + i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = all_logits || i == rows - 1;
        }
        auto start = std::chrono::steady_clock::now();
        if (llama_decode(context, batch) != 0) fail("llama_decode failed on " + std::to_string(rows) + " rows");
        llama_synchronize(context);
        std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        llama_batch_free(batch);
        return time.count();
    }

    void forget(int from) {
        if (!llama_memory_seq_rm(llama_get_memory(context), 0, from, -1)) fail("cannot forget positions");
    }

    // Seconds per step, the mean over the steps of one run.
    double run(const std::string & kind, int n, int depth) {
        forget(0);
        double sum = 0;
        if (kind == "tg") {
            for (int i = 0; i < n; i++) sum += step(1, i, true);
            return sum / n;
        }
        if (kind == "pp") return step(n, 0, false);
        step(depth, 0, false);
        step(n, depth, true); // the first one of a new size is slower
        for (int i = 0; i < VERIFY_STEPS; i++) {
            forget(depth);
            sum += step(n, depth, true);
        }
        return sum / VERIFY_STEPS;
    }
};

} // namespace

int main(int count, char ** args) {
    if (count < 4) fail("usage: llama_bench MODEL.gguf THREADS TEST,TEST,... [DEPTH] [REPEAT]");
    const int threads = atoi(args[2]);
    const int depth = count > 4 ? atoi(args[4]) : 128;
    const int repeat = count > 5 ? atoi(args[5]) : 1;
    if (threads < 1 || depth < 1 || depth > MAX_ROWS || repeat < 1) fail("THREADS, DEPTH (at most 512) or REPEAT out of range");

    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
    }, nullptr);
    if (const char * folder = getenv("GGML_DIR")) ggml_backend_load_all_from_path(folder);
    llama_backend_init();

    llama_model_params of_model = llama_model_default_params();
    llama_context_params of_context = llama_context_default_params();
    // The structures go by value: a header of another version would shift their fields, silently.
    if (!of_model.use_extra_bufts || of_model.main_gpu != 0 || of_context.n_ctx != 512 || of_context.n_seq_max != 1
        || !of_context.offload_kqv || of_context.embeddings || of_context.type_k != GGML_TYPE_F16) {
        fail("llama.h is not of this libllama's version: its default parameters read wrong");
    }
    llama_model * model = llama_model_load_from_file(args[1], of_model);
    if (model == nullptr) fail(std::string(args[1]) + ": cannot load");
    of_context.n_ctx = CONTEXT;
    of_context.n_batch = of_context.n_ubatch = MAX_ROWS;
    of_context.n_outputs_max_per_seq = MAX_ROWS;
    of_context.n_threads = of_context.n_threads_batch = threads;
    llama_context * context = llama_init_from_model(model, of_context);
    if (context == nullptr) fail("no context");

    Bench bench{context, llama_vocab_n_tokens(llama_model_get_vocab(model))};
    bench.step(depth, 0, false);
    bench.step(1, depth, true);

    std::stringstream tests(args[3]);
    for (std::string test; std::getline(tests, test, ',');) {
        const size_t digits = test.find_first_of("0123456789");
        const std::string kind = test.substr(0, digits);
        const int n = digits == std::string::npos ? 0 : atoi(test.c_str() + digits);
        if ((kind != "tg" && kind != "v" && kind != "pp") || n < 1 || n > MAX_ROWS) fail(test + ": no such test");
        std::vector<double> seconds;
        for (int i = 0; i < repeat; i++) seconds.push_back(bench.run(kind, n, depth));
        std::sort(seconds.begin(), seconds.end());
        const double step = seconds[seconds.size() / 2];
        const int rows = kind == "tg" ? 1 : n;
        printf("{\"test\":\"%s\",\"rows\":%d,\"ms_per_step\":%.4f,\"tokens_per_second\":%.3f}\n", test.c_str(), rows,
            1e3 * step, rows / step);
        fflush(stdout);
    }
    llama_free(context);
    llama_model_free(model);
}
