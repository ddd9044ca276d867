// How jemalloc treats memory that is not used any more, for programs that link it (docs/adr/0031).
// MALLOC_CONF in the environment goes before it.
extern "C" {

// The library looks for a variable of this name. A thread of its own gives unused pages back after some
// seconds, also when the program allocates nothing more.
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";
}
