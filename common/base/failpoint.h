// Named crash and fault points, compiled in with -DDL_FAILPOINTS=ON only. DL_FAILPOINT environment variable:
// "name:kill:N" (SIGKILL at the N-th pass, from 1), "name:error:N" (the point reports a failure once at the
// N-th pass), "name:delay_ms:M" (sleeps M milliseconds at every pass); several separated by commas.
// The names in use are listed in tests/crash/README.md and follow the path of the data, e.g.
// "append.before-fsync".
#pragma once

namespace dl {
// True when an "error" action fires here.
bool failpoint_hit(const char* name);
}  // namespace dl

#ifdef DL_FAILPOINTS
#define DL_FAILPOINT(name) ((void)::dl::failpoint_hit(name))
#define DL_FAILPOINT_ERROR(name) (::dl::failpoint_hit(name))
#else
#define DL_FAILPOINT(name) ((void)0)
#define DL_FAILPOINT_ERROR(name) (false)
#endif
