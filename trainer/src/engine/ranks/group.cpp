// Several processes that train one run: the store that they meet at and the sums over all of them, by libtorch's
// own TCPStore and ProcessGroupGloo. No exception leaves this file: every function gives a null pointer, or why it
// failed as a C string that lives until the thread's next call.
#define USE_DISTRIBUTED
#define USE_C10D_GLOO

// libtorch holds gloo and comes without its headers: build.rs puts empty ones in their places, and this is what
// libtorch's own header names of them.
#include <chrono>
#include <memory>
#include <string>
#include <vector>
namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
namespace rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string &key, const std::vector<char> &value) = 0;
  virtual std::vector<char> get(const std::string &key) = 0;
  virtual void wait(const std::vector<std::string> &keys) = 0;
  virtual void wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) = 0;
};
}  // namespace rendezvous
namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport
}  // namespace gloo

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

using std::chrono::milliseconds;
using StorePointer = c10::intrusive_ptr<c10d::Store>;
using GroupPointer = c10::intrusive_ptr<c10d::ProcessGroupGloo>;

namespace {
template <typename Work>
const char *attempt(Work work) {
  thread_local std::string why;
  try {
    work();
    return nullptr;
  } catch (const c10::Error &error) {
    why = error.what_without_backtrace();
  } catch (const std::exception &error) {
    why = error.what();
  } catch (...) {
    why = "unknown exception";
  }
  return why.c_str();
}

template <typename Options>
Options within(int64_t timeout) {
  Options options;
  options.timeout = milliseconds(timeout);
  return options;
}
}  // namespace

// A store at host and port; the one process that serves it may give port 0 and finds the port there.
extern "C" const char *trainer_store(const char *host, uint16_t *port, int serves, int64_t timeout,
                                     StorePointer **store) {
  return attempt([&] {
    // Each failure is told by its error: libtorch's own lines would come with traces of the stack.
    FLAGS_caffe2_log_level = c10::GLOG_FATAL;
    c10d::TCPStoreOptions options;
    options.port = *port;
    options.isServer = serves != 0;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout);
    auto made = c10::make_intrusive<c10d::TCPStore>(host, options);
    *port = made->getPort();
    *store = new StorePointer(made);
  });
}

// The part of a store whose keys begin so.
extern "C" const char *trainer_store_part(StorePointer *store, const char *prefix, StorePointer **part) {
  return attempt([&] { *part = new StorePointer(c10::make_intrusive<c10d::PrefixStore>(prefix, *store)); });
}

extern "C" const char *trainer_store_set(StorePointer *store, const char *key, const char *value) {
  return attempt([&] { (*store)->set(key, std::string(value)); });
}

extern "C" const char *trainer_store_has(StorePointer *store, const char *key, int *has) {
  return attempt([&] { *has = (*store)->check({key}); });
}

extern "C" const char *trainer_store_wait(StorePointer *store, const char *key, int64_t timeout) {
  return attempt([&] { (*store)->wait({key}, milliseconds(timeout)); });
}

extern "C" void trainer_store_close(StorePointer *store) { delete store; }

// The processes of a store, connected by an interface or by the one of an address; empty for either means
// the one of the machine's own name.
extern "C" const char *trainer_group(StorePointer *store, int rank, int world, const char *interface,
                                     const char *address, int64_t timeout, GroupPointer **group) {
  return attempt([&] {
    using Group = c10d::ProcessGroupGloo;
    auto options = Group::Options::create(milliseconds(timeout));
    options->devices.push_back(*interface ? Group::createDeviceForInterface(interface)
                               : *address ? Group::createDeviceForHostname(address)
                                          : Group::createDefaultDevice());
    *group = new GroupPointer(c10::make_intrusive<Group>(*store, rank, world, options));
  });
}

extern "C" const char *trainer_group_sum(GroupPointer *group, at::Tensor *tensor, int64_t timeout) {
  return attempt([&] {
    std::vector<at::Tensor> tensors{*tensor};
    (*group)->allreduce(tensors, within<c10d::AllreduceOptions>(timeout))->wait();
  });
}

// Every process's tensor becomes that of rank 0.
extern "C" const char *trainer_group_broadcast(GroupPointer *group, at::Tensor *tensor, int64_t timeout) {
  return attempt([&] {
    std::vector<at::Tensor> tensors{*tensor};
    (*group)->broadcast(tensors, within<c10d::BroadcastOptions>(timeout))->wait();
  });
}

// Closes the connections, which ends what the others wait for.
extern "C" void trainer_group_close(GroupPointer *group) { delete group; }
