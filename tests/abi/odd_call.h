/*
 * Calls a function of the library the way that VB6 and Delphi may on x86: with a stack that is aligned to
 * four bytes only; for x64, to eight.
 *
 *   odd_call(function, arguments, count, offset)   offset: bytes off an alignment of sixteen
 *
 * At most six arguments, each as wide as a pointer.  Returns what the function returns.
 */
#ifndef ODD_CALL_H
#define ODD_CALL_H

#include <stdint.h>

#define ODD_CALL_ARGUMENTS_MAX 6

intptr_t odd_call(void *function, const intptr_t *arguments, intptr_t count, intptr_t offset);

#if defined(_WIN32) && defined(__i386__)

/* stdcall: the callee takes the arguments off. */
#define ODD_CALL_STEP 4
__asm__(".text\n"
        ".globl _odd_call\n"
        "_odd_call:\n"
        "	push %ebp\n"
        "	mov %esp, %ebp\n"
        "	push %esi\n"
        "	and $-16, %esp\n"
        "	sub 20(%ebp), %esp\n"
        "	mov 16(%ebp), %ecx\n"
        "	mov 12(%ebp), %esi\n"
        "1:	dec %ecx\n"
        "	js 2f\n"
        "	push (%esi, %ecx, 4)\n"
        "	jmp 1b\n"
        "2:	call *8(%ebp)\n"
        "	lea -4(%ebp), %esp\n"
        "	pop %esi\n"
        "	pop %ebp\n"
        "	ret\n");

#elif defined(_WIN32) && defined(__x86_64__)

#define ODD_CALL_STEP 8
__asm__(".text\n"
        ".globl odd_call\n"
        "odd_call:\n"
        "	push %rbp\n"
        "	mov %rsp, %rbp\n"
        "	sub $64, %rsp\n"
        "	and $-16, %rsp\n"
        "	sub %r9, %rsp\n"
        "	mov %rcx, %rax\n"
        "	mov %rdx, %r10\n"
        "	mov 40(%r10), %r11\n"
        "	mov %r11, 40(%rsp)\n"
        "	mov 32(%r10), %r11\n"
        "	mov %r11, 32(%rsp)\n"
        "	mov 24(%r10), %r9\n"
        "	mov 16(%r10), %r8\n"
        "	mov 8(%r10), %rdx\n"
        "	mov (%r10), %rcx\n"
        "	call *%rax\n"
        "	mov %rbp, %rsp\n"
        "	pop %rbp\n"
        "	ret\n");

#elif defined(__x86_64__)

#define ODD_CALL_STEP 8
__asm__(".text\n"
        ".globl odd_call\n"
        ".type odd_call, @function\n"
        "odd_call:\n"
        "	push %rbp\n"
        "	mov %rsp, %rbp\n"
        "	and $-16, %rsp\n"
        "	sub %rcx, %rsp\n"
        "	mov %rdi, %rax\n"
        "	mov %rsi, %r10\n"
        "	mov 40(%r10), %r9\n"
        "	mov 32(%r10), %r8\n"
        "	mov 24(%r10), %rcx\n"
        "	mov 16(%r10), %rdx\n"
        "	mov 8(%r10), %rsi\n"
        "	mov (%r10), %rdi\n"
        "	call *%rax\n"
        "	mov %rbp, %rsp\n"
        "	pop %rbp\n"
        "	ret\n"
        ".section .note.GNU-stack, \"\", @progbits\n"
        ".text\n");

#endif
#endif
