/*
 * The functions that precheck.dll for x64 exports align the stack, and then call those of C.
 *
 * Windows demands a stack aligned to sixteen of every caller; a host that calls by assembler or by a thunk
 * of its own may come without, and then it is Windows that faults, in what the library calls.  gcc cannot
 * help: for x64 Windows it ignores force_align_arg_pointer, and code made with -mincoming-stack-boundary=3
 * takes its registers back from the wrong place.  So it is done by hand, with the frame pointer and the
 * unwind information of a function whose stack grows in its body.  The linker exports `aligned_NAME` as NAME
 * (client_shim/build.py), and fails where one of precheck.def is missing here.
 *
 * Every function copies nine arguments, needed or not: what lies above a caller's own can
 * always be read, the frames of Windows' thread start are there.
 */
#if defined(_WIN32) && defined(__x86_64__)

/* The most that a function has: four in registers, five on the stack, above the 32 bytes that the callee may keep the four in. */
#define ENTRY(name)                                                                                                    \
	__asm__(".text\n"                                                                                              \
	        "	.p2align 4\n"                                                                                  \
	        "	.globl aligned_" #name "\n"                                                                    \
	        "	.def aligned_" #name "; .scl 2; .type 32; .endef\n"                                            \
	        "	.seh_proc aligned_" #name "\n"                                                                 \
	        "aligned_" #name ":\n"                                                                                 \
	        "	push %rbp\n"                                                                                   \
	        "	.seh_pushreg %rbp\n"                                                                           \
	        "	mov %rsp, %rbp\n"                                                                              \
	        "	.seh_setframe %rbp, 0\n"                                                                       \
	        "	.seh_endprologue\n"                                                                            \
	        "	sub $80, %rsp\n"                                                                               \
	        "	and $-16, %rsp\n"                                                                              \
	        "	mov 48(%rbp), %rax\n"                                                                          \
	        "	mov %rax, 32(%rsp)\n"                                                                          \
	        "	mov 56(%rbp), %rax\n"                                                                          \
	        "	mov %rax, 40(%rsp)\n"                                                                          \
	        "	mov 64(%rbp), %rax\n"                                                                          \
	        "	mov %rax, 48(%rsp)\n"                                                                          \
	        "	mov 72(%rbp), %rax\n"                                                                          \
	        "	mov %rax, 56(%rsp)\n"                                                                          \
	        "	mov 80(%rbp), %rax\n"                                                                          \
	        "	mov %rax, 64(%rsp)\n"                                                                          \
	        "	call " #name "\n"                                                                              \
	        "	lea 0(%rbp), %rsp\n"                                                                           \
	        "	pop %rbp\n"                                                                                    \
	        "	ret\n"                                                                                         \
	        "	.seh_endproc\n")

ENTRY(pck_cancel);
ENTRY(pck_check);
ENTRY(pck_commit);
ENTRY(pck_feedback);
ENTRY(pck_flat_cancel);
ENTRY(pck_flat_check_a);
ENTRY(pck_flat_check_w);
ENTRY(pck_flat_close);
ENTRY(pck_flat_commit_a);
ENTRY(pck_flat_commit_w);
ENTRY(pck_flat_feedback_a);
ENTRY(pck_flat_feedback_w);
ENTRY(pck_flat_last_answer_a);
ENTRY(pck_flat_last_answer_w);
ENTRY(pck_flat_last_error_a);
ENTRY(pck_flat_last_error_w);
ENTRY(pck_flat_open_a);
ENTRY(pck_flat_open_w);
ENTRY(pck_flat_recent_history_a);
ENTRY(pck_flat_recent_history_w);
ENTRY(pck_flat_review_status_a);
ENTRY(pck_flat_review_status_w);
ENTRY(pck_flat_void_a);
ENTRY(pck_flat_void_w);
ENTRY(pck_free);
ENTRY(pck_last_answer);
ENTRY(pck_last_error);
ENTRY(pck_open);
ENTRY(pck_recent_history);
ENTRY(pck_result_name);
ENTRY(pck_review_status);
ENTRY(pck_version);
ENTRY(pck_void);

#endif
