/* Debian's unmodified xenstored and oxenstored on a machine without Xen: preloaded into them, this library
 * answers what they ask Xen. The domains of that imaginary Xen are files of the folder $XENSTORED_RUNDIR:
 * `domain.N` is there as long as domain N is, and holds "dying" or "shutdown" where it is that. Without
 * `domain.0` xenstored reaps dom0's nodes. A byte written to the FIFO `virq` is VIRQ_DOM_EXC: they look at
 * their domains again and fire
 * @releaseDomain. Guests' rings are blank pages: what a guest would say to xenstore cannot be tried here.
 *
 * What needs root or has no option of its own is turned away as well: oxenstored's folder and its limit of
 * descriptors. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

enum {
	PAGE_BYTES = 4096,
	DOMAINS_LIMIT = 64,
	PORT_VIRQ = 2,
	PORT_DOMAIN = 100, /* of domain N: this and N */
	HANDLE_BYTES = 64,
};

static void *handle_new(void)
{
	return calloc(1, HANDLE_BYTES);
}

/* A file of the folder as a path that the next call overwrites: xenstored has one thread. */
static const char *below(const char *name)
{
	static char path[100]; /* no longer than a socket may have it */
	const char *folder = getenv("XENSTORED_RUNDIR");
	snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".", name);
	return path;
}

/* /proc/xen is opened by xenstored itself: dom0's ring, and the port of its event channel. */

static int memory_file(const char *text)
{
	int file = memfd_create("xenstored", 0);
	if (file >= 0 && ftruncate(file, text ? (off_t)strlen(text) : PAGE_BYTES) == 0 &&
		(!text || pwrite(file, text, strlen(text), 0) == (ssize_t)strlen(text)))
		return file;
	return -1;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
	va_end(arguments);
	if (strcmp(path, "/proc/xen/xsd_kva") == 0)
		return memory_file(NULL);
	if (strcmp(path, "/proc/xen/xsd_port") == 0)
		return memory_file("1");
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* oxenstored: its folder is made for root alone, its socket lies there, and it wants more descriptors than
 * may be. */

int mkdir(const char *path, mode_t mode)
{
	(void)path, (void)mode;
	return 0;
}

int bind(int descriptor, const struct sockaddr *address, socklen_t size)
{
	int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
	struct sockaddr_un ours = {.sun_family = AF_UNIX};
	(void)address, (void)size;
	snprintf(ours.sun_path, sizeof(ours.sun_path), "%s", below("socket"));
	return next(descriptor, (const struct sockaddr *)&ours, sizeof(ours));
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	(void)resource, (void)limit;
	return 0;
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	(void)resource, (void)limit;
	return 0;
}

/* Domains. */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild, unsigned flags)
{
	(void)logger, (void)dombuild, (void)flags;
	return handle_new();
}

int xc_interface_close(xc_interface *handle)
{
	free(handle);
	return 0;
}

/* The word in the file of a domain; NULL where there is none. */
static const char *domain_state(uint32_t domid)
{
	static char word[16];
	char name[32];
	snprintf(name, sizeof(name), "domain.%u", domid);
	FILE *file = fopen(below(name), "r");
	if (!file)
		return NULL;
	word[fread(word, 1, sizeof(word) - 1, file)] = '\0';
	fclose(file);
	return word;
}

/* The first domain from `first` on, as Xen does: who asks for one that is gone gets another. NULL behind the
 * last. */
static const char *domain_from(uint32_t first, uint32_t *domid)
{
	for (*domid = first; *domid < first + DOMAINS_LIMIT; ++*domid) {
		const char *state = domain_state(*domid);
		if (state)
			return state;
	}
	return NULL;
}

int xc_domain_getinfo(xc_interface *handle, uint32_t first, unsigned most, xc_dominfo_t *info)
{
	(void)handle, (void)most;
	uint32_t domid;
	const char *state = domain_from(first, &domid);
	if (!state) {
		errno = ESRCH;
		return -1;
	}
	*info = (xc_dominfo_t){.domid = domid,
		.dying = strcmp(state, "dying") == 0,
		.shutdown = strcmp(state, "shutdown") == 0};
	return 1;
}

int xc_domain_getinfolist(xc_interface *handle, uint32_t first, unsigned most, xc_domaininfo_t *info)
{
	(void)handle, (void)most;
	uint32_t domid;
	const char *state = domain_from(first, &domid);
	if (!state)
		return 0;
	*info = (xc_domaininfo_t){.domain = (domid_t)domid,
		.flags = strcmp(state, "dying") == 0      ? XEN_DOMINF_dying
			 : strcmp(state, "shutdown") == 0 ? XEN_DOMINF_shutdown
							  : 0};
	return 1;
}

void *xc_map_foreign_range(xc_interface *, uint32_t, int, int, unsigned long); /* of xenctrl_compat.h */
void *xc_map_foreign_range(
	xc_interface *handle, uint32_t domid, int size, int protection, unsigned long frame)
{
	(void)handle, (void)domid, (void)protection, (void)frame;
	void *ring = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ring == MAP_FAILED ? NULL : ring;
}

/* Event channels. */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return handle_new();
}

xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *logger, int descriptor, unsigned flags)
{
	(void)logger, (void)descriptor, (void)flags;
	return handle_new();
}

int xenevtchn_close(xenevtchn_handle *handle)
{
	free(handle);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *handle)
{
	static int virq = -1;
	(void)handle;
	if (virq < 0) {
		mkfifo(below("virq"), 0600);
		virq = open(below("virq"), O_RDWR | O_NONBLOCK);
	}
	return virq;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned virq)
{
	(void)handle, (void)virq;
	return PORT_VIRQ;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(
	xenevtchn_handle *handle, uint32_t domid, evtchn_port_t port)
{
	(void)handle, (void)port;
	return (xenevtchn_port_or_error_t)(PORT_DOMAIN + domid);
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
	char byte;
	return read(xenevtchn_fd(handle), &byte, 1) == 1 ? PORT_VIRQ : -1;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle, (void)port;
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle, (void)port;
	return 0;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
	(void)handle, (void)port;
	return 0;
}

/* Grants: the rings of guests. */

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return handle_new();
}

int xengnttab_close(xengnttab_handle *handle)
{
	free(handle);
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t count)
{
	(void)handle, (void)count;
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t reference, int protection)
{
	(void)handle, (void)domid, (void)reference, (void)protection;
	void *ring = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ring == MAP_FAILED ? NULL : ring;
}

int xengnttab_unmap(xengnttab_handle *handle, void *start, uint32_t count)
{
	(void)handle;
	return munmap(start, (size_t)count * PAGE_BYTES);
}
