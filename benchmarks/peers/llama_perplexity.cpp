// Scores a text with llama.cpp through a prebuilt libllama, as its own perplexity tool and `layermesh perplexity` do:
// windows of CONTEXT tokens, each from an empty cache, the second half of each scored.
// usage: GGML_DIR=FOLDER_OF_LIBRARIES llama_perplexity MODEL.gguf TEXT THREADS CONTEXT WINDOWS
// Built as llama_bench is, see run.sh.
#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string & message) {
    fprintf(stderr, "llama_perplexity: %s\n", message.c_str());
    exit(1);
}

double log_probability(const float * logits, int vocabulary, llama_token token) {
    const float largest = *std::max_element(logits, logits + vocabulary);
    double total = 0;
    for (int i = 0; i < vocabulary; i++) total += std::exp(double(logits[i] - largest));
    return logits[token] - largest - std::log(total);
}

} // namespace

int main(int count, char ** args) {
    if (count != 6) fail("usage: llama_perplexity MODEL.gguf TEXT THREADS CONTEXT WINDOWS");
    const int threads = atoi(args[3]);
    const int n = atoi(args[4]);
    if (threads < 1 || n < 4) fail("THREADS or CONTEXT out of range");
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
    }, nullptr);
    if (const char * folder = getenv("GGML_DIR")) ggml_backend_load_all_from_path(folder);
    llama_backend_init();

    llama_model * model = llama_model_load_from_file(args[1], llama_model_default_params());
    if (!model) fail(std::string("cannot load ") + args[1]);
    const llama_vocab * vocab = llama_model_get_vocab(model);
    const int vocabulary = llama_vocab_n_tokens(vocab);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = n;
    params.n_batch = params.n_ubatch = n;
    params.n_threads = params.n_threads_batch = threads;
    llama_context * context = llama_init_from_model(model, params);
    if (!context) fail("no context");

    std::ifstream file(args[2], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::vector<llama_token> ids(text.size() + 2);
    const int length = llama_tokenize(vocab, text.data(), text.size(), ids.data(), ids.size(), true, false);
    if (length < n) fail("the text has " + std::to_string(length) + " tokens");

    double sum = 0;
    int scored = 0;
    const int windows = std::min(length / n, atoi(args[5]));
    for (int w = 0; w < windows; w++) {
        llama_memory_clear(llama_get_memory(context), true);
        llama_batch batch = llama_batch_init(n, 0, 1);
        batch.n_tokens = n;
        for (int i = 0; i < n; i++) {
            batch.token[i] = i == 0 && llama_vocab_get_add_bos(vocab) ? llama_vocab_bos(vocab) : ids[w * n + i];
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = i >= n / 2;
        }
        if (llama_decode(context, batch) != 0) fail("llama_decode failed");
        for (int i = n / 2; i < n - 1; i++) {
            sum -= log_probability(llama_get_logits_ith(context, i), vocabulary, ids[w * n + i + 1]);
            scored++;
        }
        llama_batch_free(batch);
    }
    printf("perplexity %.4f, %d tokens scored in %d windows of %d\n", std::exp(sum / scored), scored, windows, n);
    llama_free(context);
    llama_model_free(model);
}
