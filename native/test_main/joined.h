#pragma once

#include <memory>

#include "group/group.h"

namespace skein::test {

/** The group that this process is in, one at a time. */
std::shared_ptr<Group>& joined();

}  // namespace skein::test
