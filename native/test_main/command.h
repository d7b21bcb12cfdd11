#pragma once

#include <istream>
#include <ostream>

namespace skein::test {

/** Each reads its arguments from a line and writes one line of JSON with what it measured; the tests judge it. */
void linear(std::istream& in, std::ostream& out);
void matmul(std::istream& in, std::ostream& out);
void elementwise(std::istream& in, std::ostream& out);
void attention(std::istream& in, std::ostream& out);
void attention_together(std::istream& in, std::ostream& out);
void attention_limits(std::istream& in, std::ostream& out);
void linear_cost(std::istream& in, std::ostream& out);
void pool(std::istream& in, std::ostream& out);
void idle(std::istream& in, std::ostream& out);
void sample(std::istream& in, std::ostream& out);
void sample_cost(std::istream& in, std::ostream& out);
void join(std::istream& in, std::ostream& out);
void join_ring(std::istream& in, std::ostream& out);
void send(std::istream& in, std::ostream& out);
void receive(std::istream& in, std::ostream& out);
void gather(std::istream& in, std::ostream& out);
void sum(std::istream& in, std::ostream& out);
void await(std::istream& in, std::ostream& out);
void check(std::istream& in, std::ostream& out);
void abort(std::istream& in, std::ostream& out);
void schedule(std::istream& in, std::ostream& out);
void sip_hash(std::istream& in, std::ostream& out);

}  // namespace skein::test
