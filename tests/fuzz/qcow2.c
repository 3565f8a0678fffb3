/* Any bytes as the header of a qcow2 file: it is understood, or it is said why not; names that it holds end.
 */
#include "storage/qcow2.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	struct qcow2 found;
	const char *why = NULL;
	int file = memfd_create("qcow2", MFD_CLOEXEC);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size)
		abort();
	memset(&found, 'x', sizeof(found));
	const bool read = qcow2_read(file, &found, &why);
	if (!read && !why)
		abort();
	if (read &&
		(!memchr(found.backing, '\0', sizeof(found.backing)) ||
			!memchr(found.backing_format, '\0', sizeof(found.backing_format)) || found.size < 0))
		abort();
	close(file);
	return 0;
}
