// What tch does not offer: autocast to bfloat16 on the CPU (its own switch reaches CUDA only, in
// half precision), a leaky ReLU with a slope of one's own, and loading libtorch's CUDA part.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <dlfcn.h>

extern "C" void trainer_autocast(int cuda, int enabled) {
  auto device = cuda ? at::kCUDA : at::kCPU;
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, enabled != 0);
  // Casts of weights are cached until the outermost region ends: the weights change after it.
  if (!enabled) at::autocast::clear_cache();
}

// A null pointer says that it was loaded; else the loader's reason, which lives to the next call.
extern "C" const char *trainer_load(const char *path) {
  return dlopen(path, RTLD_NOW | RTLD_GLOBAL) ? nullptr : dlerror();
}

// A null pointer says that libtorch threw.
extern "C" at::Tensor *trainer_leaky_relu(const at::Tensor *input, double slope) {
  try {
    return new at::Tensor(at::leaky_relu(*input, slope));
  } catch (...) {
    return nullptr;
  }
}
