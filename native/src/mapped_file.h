#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace skein {

/** A regular file mapped read-only for the life of this object. Throws `EngineError{BadModel}` when it cannot be. */
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }

  /** Gives the pages wholly inside the range back to the system; touching them again reads the file again. */
  void release(std::size_t offset, std::size_t length) const;

 private:
  std::string path_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace skein
