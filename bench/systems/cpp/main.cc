// SPDX-License-Identifier: Apache-2.0

// gRPC's C++ library as a measured system: the callback interface on both ends, and the same words with the conductor as
// the programs in Go have (harness/protocol.go): a JSON value a line.

#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "charge.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using farcall::bench::v1::ChargeRequest;
using farcall::bench::v1::ChargeResponse;
using farcall::bench::v1::Payments;

constexpr char kSettings[] = "callback interface on both ends, one channel; defaults otherwise; its allocations are not counted";

int64_t Nanoseconds(Clock::duration d) { return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count(); }

int64_t CPU() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto of = [](const timeval& t) { return int64_t{t.tv_sec} * 1000000000 + int64_t{t.tv_usec} * 1000; };
  return of(used.ru_utime) + of(used.ru_stime);
}

// Burn is harness.burn.
uint64_t Burn(int64_t rounds) {
  uint64_t x = static_cast<uint64_t>(rounds);
  for (int64_t i = 0; i < rounds; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

class Service final : public Payments::CallbackService {
  grpc::ServerUnaryReactor* Charge(grpc::CallbackServerContext* context, const ChargeRequest* request, ChargeResponse* response) override {
    response->set_payment_id("pay_7d1f0c9ab3e24e55");
    response->set_status(farcall::bench::v1::STATUS_PAID);
    response->set_charged_at(1795300000 + static_cast<int64_t>(Burn(request->work()) & 1));
    *response->mutable_charged() = request->amount();
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// NewRequest is harness.NewRequest.
ChargeRequest NewRequest(int items, int64_t work) {
  ChargeRequest request;
  request.set_idempotency_key("ik_5f0c3d8a9b7e4216a8c1f2d3e4b5");
  request.set_order_id("ord_2026_11_22_000000001");
  request.set_card("tok_visa_424242");
  auto price = [](farcall::bench::v1::Money* money, int64_t units) {
    money->set_currency_code("EUR");
    money->set_units(units);
    money->set_nanos(990000000);
  };
  price(request.mutable_amount(), 42);
  request.set_work(work);
  for (int i = 0; i < items; i++) {
    auto* item = request.add_items();
    char sku[16];
    snprintf(sku, sizeof sku, "sku-%05d", i);
    item->set_sku(sku);
    item->set_quantity(i % 5 + 1);
    price(item->mutable_price(), i + 1);
  }
  return request;
}

// A worker makes its next call when the last has been answered. Its callbacks never run two at a time.
struct Worker {
  std::unique_ptr<grpc::ClientContext> context;
  ChargeResponse response;
  Clock::time_point begin;
  std::vector<int64_t> latencies;
};

// Load is a closed loop.
class Load {
 public:
  Load(Payments::Stub* stub, ChargeRequest request, int in_flight, int64_t lasting)
      : stub_(stub), request_(std::move(request)), workers_(in_flight), running_(in_flight), lasting_(lasting) {}

  // Run returns the report in JSON.
  std::string Run() {
    const int64_t before = CPU();
    begin_ = Clock::now();
    for (auto& worker : workers_) Start(&worker);
    {
      std::unique_lock<std::mutex> lock(mutex_);
      ended_.wait(lock, [this] { return running_ == 0; });
    }
    const int64_t took = Nanoseconds(Clock::now() - begin_), used = CPU() - before;
    if (!failure_.empty()) return "{\"error\":\"" + failure_ + "\"}";
    std::vector<int64_t> all;
    for (auto& worker : workers_) all.insert(all.end(), worker.latencies.begin(), worker.latencies.end());
    std::sort(all.begin(), all.end());
    auto at = [&all](double part) { return std::to_string(all[std::min(all.size() - 1, static_cast<size_t>(part * static_cast<double>(all.size())))]); };
    return "{\"usage\":{\"cpu\":" + std::to_string(used) + "},\"units\":" + std::to_string(all.size()) + ",\"took\":" + std::to_string(took) +
           ",\"latencies\":{\"p50\":" + at(0.5) + ",\"p90\":" + at(0.9) + ",\"p99\":" + at(0.99) + ",\"p999\":" + at(0.999) +
           ",\"longest\":" + std::to_string(all.back()) + "}}";
  }

 private:
  void Start(Worker* worker) {
    worker->context = std::make_unique<grpc::ClientContext>();
    worker->begin = Clock::now();
    stub_->async()->Charge(worker->context.get(), &request_, &worker->response, [this, worker](const grpc::Status& status) { Done(worker, status); });
  }

  void Done(Worker* worker, const grpc::Status& status) {
    const auto now = Clock::now();
    worker->latencies.push_back(Nanoseconds(now - worker->begin));
    const bool good = status.ok() && worker->response.status() == farcall::bench::v1::STATUS_PAID;
    if (good && Nanoseconds(now - begin_) < lasting_) {
      Start(worker);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (!good) failure_ = "a call failed with code " + std::to_string(status.error_code());
    if (--running_ == 0) ended_.notify_all();
  }

  Payments::Stub* stub_;
  const ChargeRequest request_;
  std::vector<Worker> workers_;
  std::mutex mutex_;  // guards running_ and failure_
  std::condition_variable ended_;
  int running_;
  std::string failure_;
  Clock::time_point begin_;
  const int64_t lasting_;
};

// Field returns what follows a name in a line of JSON of the conductor's: a number, or a string without escapes.
std::string Field(const std::string& line, const std::string& name) {
  const auto at = line.find("\"" + name + "\":");
  if (at == std::string::npos) return "";
  auto begin = at + name.size() + 3;
  if (line[begin] == '"') return line.substr(begin + 1, line.find('"', begin + 1) - begin - 1);
  return line.substr(begin, line.find_first_of(",}", begin) - begin);
}

int64_t Number(const std::string& line, const std::string& name) {
  const auto text = Field(line, name);
  return text.empty() ? 0 : std::stoll(text);
}

std::string Usage() { return "{\"usage\":{\"cpu\":" + std::to_string(CPU()) + "}}"; }

std::string Ready(const std::string& address) {
  return "{\"address\":\"" + address + "\",\"settings\":\"" + kSettings + "\",\"versions\":{\"libgrpc++\":\"" + grpc::Version() + "\"}}";
}

int Serve() {
  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << Ready("127.0.0.1:" + std::to_string(port)) << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << (Field(line, "do") == "usage" ? Usage() : "{\"error\":\"this process cannot do that\"}") << std::endl;
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

int Call(const std::string& address) {
  auto stub = Payments::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  ChargeResponse response;
  if (const auto status = stub->Charge(&context, NewRequest(0, 0), &response); !status.ok()) {
    std::cerr << "grpc-c++: " << status.error_message() << std::endl;
    return 1;
  }
  std::cout << Ready("") << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto load = Field(line, "load");
    std::string answer = "{\"error\":\"this process cannot do that\"}";
    if (Field(line, "do") == "usage") {
      answer = Usage();
    } else if (Field(line, "do") == "load" && (load == "charge" || load == "charge-50")) {
      answer = Load(stub.get(), NewRequest(load == "charge" ? 0 : 50, 0), static_cast<int>(Number(line, "in_flight")), Number(line, "lasting")).Run();
    }
    std::cout << answer << std::endl;
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  std::string address;
  for (int i = 2; i + 1 < count; i += 2) {
    if (std::string(arguments[i]) == "-address") address = arguments[i + 1];
  }
  if (role == "serve") return Serve();
  if (role == "load") return Call(address);
  std::cerr << "this program is started by bench: run `make bench`" << std::endl;
  return 1;
}
